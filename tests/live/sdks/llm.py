"""Language models: OpenAI's and what speaks like it, Anthropic's, Mistral's, Cohere's, Google's and others."""

from typing import Any

from live.sdks.samples import CHAT, CHATS, TEXT, WAV
from live.sdks.table import DEFAULT, Sdk

_CHAT_ANSWER = {
    "id": "chat-1", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Ship."}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}  # fmt: skip
_FILE = {
    "id": "file-1", "object": "file", "bytes": 1, "created_at": 1, "filename": "f", "purpose": "batch",
    "status": "processed", "sample_type": "pretrain", "source": "upload", "size_bytes": 1, "num_lines": 1,
}  # fmt: skip
_LIMITS = {
    "max_num_epochs": 9, "max_num_evals": 9, "max_num_checkpoints": 9, "max_learning_rate": 1, "min_learning_rate": 0,
    "lora_training": {
        "max_batch_size": 8, "max_batch_size_dpo": 8, "min_batch_size": 8, "max_rank": 8, "target_modules": ["all"],
    },
    "model_name": "m", "min_max_seq_length": 1, "max_seq_length_sft": 9, "max_seq_length_dpo": 9,
    "default_gradient_accumulation_steps": 1, "merge_output_lora": True, "supports_full_training": False,
    "supports_reasoning": False, "supports_tools": False, "supports_vision": False,
}  # fmt: skip
"""What Together's SDK asks for before it starts a job."""


def _openai(path: str = "/v1") -> Any:
    def connect(origin: str) -> Any:
        import openai

        return openai.OpenAI(api_key="k", base_url=f"{origin}{path}", max_retries=0)

    return connect


def _azure(origin: str) -> Any:
    import openai

    return openai.AzureOpenAI(api_key="k", azure_endpoint=origin, api_version="2024-10-21", max_retries=0)


def _anthropic(origin: str) -> Any:
    import anthropic

    return anthropic.Anthropic(api_key="k", base_url=origin, max_retries=0)


def _mistral(origin: str) -> Any:
    from mistralai.client import Mistral

    return Mistral(api_key="k", server_url=origin)


def _cohere(origin: str) -> Any:
    import cohere

    return cohere.ClientV2("k", base_url=origin, max_retries=0)


def _together(origin: str) -> Any:
    import together

    return together.Together(api_key="k", base_url=f"{origin}/v1", max_retries=0)


def _groq(origin: str) -> Any:
    import groq

    return groq.Groq(api_key="k", base_url=origin, max_retries=0)


def _fireworks(origin: str) -> Any:
    import fireworks

    return fireworks.Fireworks(api_key="k", account_id="acme", base_url=origin, max_retries=0)


def _gemini(origin: str) -> Any:
    from google import genai

    return genai.Client(api_key="k", http_options={"base_url": origin})


def _vertex(origin: str) -> Any:
    from google import genai
    from google.oauth2.credentials import Credentials

    return genai.Client(
        vertexai=True,
        project="acme",
        location="europe-west4",
        credentials=Credentials(token="t"),
        http_options={"base_url": origin},
    )


def _zai(origin: str) -> Any:
    import zai

    return zai.ZaiClient(api_key="k.s", base_url=f"{origin}/api/paas/v4", max_retries=0)


def _chat(client: Any) -> object:
    return client.chat.completions.create(model="m", messages=[CHAT])


def _file(purpose: str) -> Any:
    return lambda client: client.files.create(file=CHATS, purpose=purpose)


def _tune(client: Any) -> object:
    return client.fine_tuning.jobs.create(model="m", training_file="file-1")


DENIED = "PermissionDeniedError"
OPENAI = Sdk("openai", "api.openai.com", f"openai.{DENIED}", _openai())
AZURE = Sdk("openai", "acme.openai.azure.com", f"openai.{DENIED}", _azure)
AT_TOGETHER = Sdk("openai", "api.together.xyz", f"openai.{DENIED}", _openai())
AT_FIREWORKS = Sdk("openai", "api.fireworks.ai", f"openai.{DENIED}", _openai("/inference/v1"))
ANTHROPIC = Sdk("anthropic", "api.anthropic.com", f"anthropic.{DENIED}", _anthropic)
MISTRAL = Sdk("mistralai", "api.mistral.ai", "mistralai.client.errors.SDKError", _mistral)
COHERE = Sdk("cohere", "api.cohere.com", "cohere.errors.ForbiddenError", _cohere)
TOGETHER = Sdk("together", "api.together.xyz", "together.APIStatusError", _together)
GROQ = Sdk("groq", "api.groq.com", f"groq.{DENIED}", _groq)
FIREWORKS = Sdk("fireworks-ai", "api.fireworks.ai", f"fireworks.{DENIED}", _fireworks)
GEMINI = Sdk("google-genai", "generativelanguage.googleapis.com", "google.genai.errors.ClientError", _gemini)
VERTEX = Sdk(
    "google-genai", "europe-west4-aiplatform.googleapis.com", "google.genai.errors.ClientError", _vertex
)
ZAI = Sdk("zai-sdk", "api.z.ai", "zai.core.APIStatusError", _zai)

CALLS = (
    OPENAI.blocks("a fine-tuning job", "openai.fine_tuning.jobs.create", _tune),
    OPENAI.blocks("a file for fine-tuning", "openai.files.create.fine_tune", _file("fine-tune")),
    OPENAI.blocks(
        "a resumed fine-tuning job",
        "openai.fine_tuning.jobs.resume",
        lambda c: c.fine_tuning.jobs.resume("j"),
    ),
    OPENAI.passes("a file for a batch", "openai.files.create", _file("batch"), _FILE),
    OPENAI.passes("a chat", "openai.chat.completions.create", _chat, _CHAT_ANSWER),
    OPENAI.passes(
        "a decision",
        "openai.agents",
        lambda c: c.decisions.create(model="m", input=TEXT, questions=[]),
    ),
    OPENAI.passes(
        "the end of a fine-tuning job", "openai.fine_tuning.control", lambda c: c.fine_tuning.jobs.cancel("j")
    ),
    AZURE.blocks("a fine-tuning job at Azure", "azure-openai.fine_tuning.jobs.create", _tune),
    AZURE.blocks(
        "a file for fine-tuning at Azure", "azure-openai.files.create.fine_tune", _file("fine-tune")
    ),
    AZURE.blocks(
        "a large upload for fine-tuning at Azure",
        "azure-openai.uploads.create.fine_tune",
        lambda c: c.uploads.create(bytes=9, filename="a.jsonl", mime_type="text/jsonl", purpose="fine-tune"),
    ),
    AZURE.passes("a chat at Azure", "azure-openai.inference", _chat, _CHAT_ANSWER),
    AZURE.passes("a file for a batch at Azure", "azure-openai.files.create", _file("batch"), _FILE),
    AT_TOGETHER.blocks(
        "a file for fine-tuning at Together", "together.files.create.fine_tune", _file("fine-tune")
    ),
    AT_TOGETHER.passes("a chat at Together", "together.inference", _chat, _CHAT_ANSWER),
    AT_FIREWORKS.passes("a chat at Fireworks", "fireworks.inference", _chat, _CHAT_ANSWER),
    ANTHROPIC.passes(
        "a message",
        "anthropic.inference",
        lambda c: c.messages.create(model="m", max_tokens=9, messages=[CHAT]),
        {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": []},
    ),
    ANTHROPIC.passes("a file", "anthropic.files", lambda c: c.beta.files.upload(file=CHATS), {"id": "f"}),
    MISTRAL.blocks(
        "a file for fine-tuning",
        "mistral.files.create.fine_tune",
        lambda c: c.files.upload(
            file={"file_name": "a.jsonl", "content": CHATS.read_bytes()}, purpose="fine-tune"
        ),
    ),
    MISTRAL.blocks(
        "a file without a purpose",
        "mistral.files.create.fine_tune",
        lambda c: c.files.upload(file={"file_name": "a.jsonl", "content": CHATS.read_bytes()}),
    ),
    MISTRAL.blocks(
        "a cloned voice",
        "mistral.voices.create",
        lambda c: c.audio.voices.create(name="Ada", sample_audio="UklGRg==", sample_filename="a.wav"),
    ),
    MISTRAL.blocks(
        "a chat on a plan that may train",
        "mistral.inference",
        lambda c: c.chat.complete(model="m", messages=[CHAT]),
        DEFAULT,
    ),
    MISTRAL.blocks(
        "a response on a plan that may train",
        "mistral.inference",
        lambda c: c.responses.create(model="m", input=TEXT),
        DEFAULT,
    ),
    MISTRAL.passes(
        "a file for OCR",
        "mistral.files.create",
        lambda c: c.files.upload(file={"file_name": "a.pdf", "content": b"%PDF-1.4"}, purpose="ocr"),
        _FILE | {"purpose": "ocr"},
    ),
    MISTRAL.passes("the list of models", "", lambda c: c.models.list(), {"data": []}),
    COHERE.blocks(
        "a fine-tuned model",
        "cohere.finetuned_models.create",
        lambda c: c.finetuning.create_finetuned_model(
            request={
                "name": "m",
                "settings": {"base_model": {"base_type": "BASE_TYPE_CHAT"}, "dataset_id": "d"},
            }
        ),
    ),
    COHERE.blocks(
        "a data set for fine-tuning",
        "cohere.datasets.create.finetune",
        lambda c: c.datasets.create(
            name="d", type="chat-finetune-input", data=("a.jsonl", CHATS.read_bytes())
        ),
    ),
    COHERE.blocks(
        "a chat in an account that may train",
        "cohere.inference",
        lambda c: c.chat(model="m", messages=[CHAT]),
        DEFAULT,
    ),
    COHERE.passes("the list of models", "", lambda c: c.models.list(), {"models": []}),
    TOGETHER.blocks(
        "a fine-tuning job",
        "together.fine_tunes.create",
        lambda c: c.fine_tuning.create(training_file="file-1", model="m", verbose=False),
        answer=_LIMITS,
    ),
    TOGETHER.blocks(
        "a file for fine-tuning",
        "together.files.create.fine_tune",
        lambda c: c.files.upload(file=CHATS, purpose="fine-tune", check=False),
    ),
    TOGETHER.passes(
        "the end of a fine-tuning job",
        "together.control",
        lambda c: c.fine_tuning.cancel("ft-1"),
        {"id": "ft-1"},
    ),
    TOGETHER.passes("a chat", "together.inference", _chat, _CHAT_ANSWER),
    GROQ.passes("a chat", "groq.inference", _chat, _CHAT_ANSWER),
    GROQ.passes(
        "a transcription",
        "groq.inference",
        lambda c: c.audio.transcriptions.create(model="m", file=WAV),
        {"text": "Hello."},
    ),
    GROQ.passes("a file for a batch", "groq.files", _file("batch"), _FILE),
    FIREWORKS.blocks(
        "a supervised tuning job",
        "fireworks.supervised_fine_tuning_jobs.create",
        lambda c: c.supervised_fine_tuning_jobs.create(dataset="d"),
    ),
    FIREWORKS.blocks(
        "a reinforcement tuning job",
        "fireworks.reinforcement_fine_tuning_jobs.create",
        lambda c: c.reinforcement_fine_tuning_jobs.create(dataset="d", evaluator="e"),
    ),
    FIREWORKS.blocks(
        "a preference job", "fireworks.dpo_jobs.create", lambda c: c.dpo_jobs.create(dataset="d")
    ),
    FIREWORKS.blocks(
        "a training step",
        "fireworks.rlor_trainer_jobs.execute_train_step",
        lambda c: c.reinforcement_fine_tuning_steps.execute("j", dataset="d", output_model="m"),
    ),
    FIREWORKS.blocks(
        "a data set", "fireworks.datasets.create", lambda c: c.datasets.create(dataset={}, dataset_id="d")
    ),
    FIREWORKS.blocks(
        "a file for a data set", "fireworks.datasets.upload", lambda c: c.datasets.upload("d", file=CHATS)
    ),
    FIREWORKS.passes("a chat", "fireworks.inference", _chat, _CHAT_ANSWER),
    FIREWORKS.passes(
        "the end of a tuning job",
        "fireworks.control",
        lambda c: c.supervised_fine_tuning_jobs.cancel("j", body={}),
    ),
    GEMINI.blocks(
        "a tuned model",
        "gemini.tuned_models.create",
        lambda c: c.tunings.tune(
            base_model="models/gemini-1.5-flash-001-tuning",
            training_dataset={"examples": [{"text_input": TEXT, "output": "Ship."}]},
            config={"tuned_model_display_name": "minutes"},
        ),
    ),
    GEMINI.blocks(
        "a prompt to an unpaid project",
        "gemini.generate",
        lambda c: c.models.generate_content(model="gemini-2.5-flash", contents=TEXT),
        DEFAULT,
    ),
    GEMINI.passes("the list of models", "", lambda c: list(c.models.list()), {"models": []}),
    GEMINI.passes("the end of a batch", "gemini.control", lambda c: c.batches.cancel(name="batches/1")),
    VERTEX.blocks(
        "a tuning job at Vertex AI",
        "vertex-ai.tuning_jobs.create",
        lambda c: c.tunings.tune(
            base_model="gemini-2.5-flash", training_dataset={"gcs_uri": "gs://acme-training/minutes.jsonl"}
        ),
    ),
    VERTEX.passes(
        "a prompt at Vertex AI",
        "vertex-ai.generate",
        lambda c: c.models.generate_content(model="gemini-2.5-flash", contents=TEXT),
    ),
    VERTEX.passes(
        "the list of tuning jobs at Vertex AI", "", lambda c: list(c.tunings.list()), {"tuningJobs": []}
    ),
    ZAI.blocks(
        "a cloned voice",
        "zhipu.voice.clone",
        lambda c: c.voice.clone(voice_name="Ada", input="Hello.", text="Hello.", file_id="file-1", model="m"),
    ),
    ZAI.blocks(
        "a file for fine-tuning",
        "zhipu.files.create.fine_tune",
        lambda c: c.files.create(file=CHATS.open("rb"), purpose="fine-tune"),
    ),
    ZAI.passes("a chat", "zhipu.inference", _chat, _CHAT_ANSWER),
    ZAI.passes(
        "a file for a batch",
        "zhipu.files.create",
        lambda c: c.files.create(file=CHATS.open("rb"), purpose="batch"),
        _FILE,
    ),
)
