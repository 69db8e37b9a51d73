"""The catalogue's closed words: purposes, strengths and what a request without body carries."""

from enum import StrEnum


class Purpose(StrEnum):
    """What a destination does with what it is sent."""

    FINE_TUNING = "fine-tuning"
    TRAINING_JOB = "training-job"
    DATASET_UPLOAD = "dataset-upload"
    DATASET_HUB = "dataset-hub"
    LABELLING = "labelling"
    DISTILLATION = "distillation"
    VOICE_CLONING = "voice-cloning"
    TRAINING_PIPELINE = "training-pipeline"
    MODEL_IMPROVEMENT = "model-improvement"
    INFERENCE = "inference"
    STORAGE = "storage"
    SAAS = "saas"
    EVALUATION = "evaluation"
    UNCLASSIFIED = "unclassified"


TRAINING: frozenset[Purpose] = frozenset(
    {
        Purpose.FINE_TUNING,
        Purpose.TRAINING_JOB,
        Purpose.DATASET_UPLOAD,
        Purpose.DATASET_HUB,
        Purpose.LABELLING,
        Purpose.DISTILLATION,
        Purpose.VOICE_CLONING,
        Purpose.TRAINING_PIPELINE,
        Purpose.MODEL_IMPROVEMENT,
    }
)


class Strength(StrEnum):
    """How sure a claim is: ``signal`` alone never blocks."""

    DEFINITE = "definite"
    LIKELY = "likely"
    SIGNAL = "signal"


class Carries(StrEnum):
    """What a request of an operation carries besides its body's own octets."""

    CONTENT = "content"
    REFERENCE = "reference"
    QUERY = "query"
    TOKEN = "token"  # noqa: S105 - a word of the catalogue, no secret
