"""Hubs, labelling and platforms: Hugging Face, Labelbox, Scale, Replicate, fal."""

import os
from typing import Any

from aiohttp import web

from live.sdks.samples import CHATS, TEXT
from live.sdks.table import Sdk


def _hugging_face(origin: str) -> Any:
    """Building headers asks the Hub once for a list of agents, before any call."""
    import huggingface_hub

    api = huggingface_hub.HfApi(endpoint=origin, token="hf_test")
    api._build_hf_headers()
    return api


def _labelbox(origin: str) -> Any:
    import labelbox

    return labelbox.Client(api_key="k", endpoint=f"{origin}/graphql", rest_endpoint=f"{origin}/api/v1")


def _scale(origin: str) -> Any:
    import scaleapi

    return scaleapi.ScaleClient("k", api_instance_url=f"{origin}/v1")


def _replicate(origin: str) -> Any:
    """Its own transport takes no proxy from the environment."""
    import httpx
    import replicate

    return replicate.Client(
        api_token="k", base_url=origin, transport=httpx.HTTPTransport(proxy=os.environ["HTTPS_PROXY"])
    )


def _fal(origin: str) -> Any:
    import fal_client
    import fal_client.client

    fal_client.client.QUEUE_URL_FORMAT = f"{origin}/"
    return fal_client.SyncClient(key="k")


_PREDICTION = {
    "id": "p", "model": "a/m", "version": "v", "status": "succeeded", "input": {}, "output": "Ship.", "logs": "",
    "error": None, "metrics": None, "created_at": "2026-01-01T00:00:00Z", "started_at": None, "completed_at": None,
    "urls": {"get": "https://api.replicate.com/v1/predictions/p", "cancel": "https://api.replicate.com/c"},
}  # fmt: skip
_QUEUED = {"request_id": "r", "response_url": "u", "status_url": "u", "cancel_url": "u"}
_COMMIT = "0123456789abcdef0123456789abcdef01234567"


def _preupload(request: web.Request) -> web.Response:
    """What a Space's commit asks before, and the commit itself."""
    if "/preupload/" in request.path:
        return web.json_response(
            {"files": [{"path": "a.vtt", "uploadMode": "regular", "shouldIgnore": False}]}
        )
    origin = f"https://{request.host}/spaces/acme/minutes"
    return web.json_response({"commitUrl": f"{origin}/commit/{_COMMIT}", "commitOid": _COMMIT, "url": origin})


HUGGING_FACE = Sdk(
    "huggingface-hub", "huggingface.co", "huggingface_hub.errors.HfHubHTTPError", _hugging_face
)
LABELBOX = Sdk("labelbox", "api.labelbox.com", "lbox.exceptions.LabelboxError", _labelbox)
SCALE = Sdk("scaleapi", "api.scale.com", "scaleapi.exceptions.ScaleException", _scale)
REPLICATE = Sdk("replicate", "api.replicate.com", "replicate.exceptions.ReplicateError", _replicate)
FAL = Sdk("fal-client", "queue.fal.run", "fal_client.client.FalClientHTTPError", _fal)

CALLS = (
    HUGGING_FACE.blocks(
        "a data set", "huggingface.repos.create", lambda c: c.create_repo("acme/minutes", repo_type="dataset")
    ),
    HUGGING_FACE.blocks(
        "a file for a data set",
        "huggingface.datasets.commit",
        lambda c: c.upload_file(
            path_or_fileobj=TEXT.encode(), path_in_repo="a.vtt", repo_id="acme/minutes", repo_type="dataset"
        ),
    ),
    HUGGING_FACE.blocks(
        "a copied data set",
        "huggingface.repos.duplicate",
        lambda c: c.duplicate_repo("acme/minutes", "acme/other", repo_type="dataset"),
    ),
    HUGGING_FACE.passes(
        "a data set's tag",
        "huggingface.repos.manage",
        lambda c: c.create_tag("acme/minutes", tag="v1", repo_type="dataset"),
    ),
    HUGGING_FACE.passes(
        "a file for a Space",
        "huggingface.spaces.write",
        lambda c: c.upload_file(
            path_or_fileobj=b"ok", path_in_repo="a.vtt", repo_id="acme/minutes", repo_type="space"
        ),
        _preupload,
    ),
    HUGGING_FACE.passes(
        "what is known of a data set",
        "",
        lambda c: c.dataset_info("acme/minutes"),
        {"id": "acme/minutes", "sha": "0", "tags": []},
    ),
    LABELBOX.blocks("a data set", "labelbox.mutate", lambda c: c.create_dataset(name="minutes")),
    LABELBOX.blocks("a file", "labelbox.upload", lambda c: c.upload_data(TEXT.encode(), "a.vtt")),
    LABELBOX.passes(
        "the name of the organization",
        "labelbox.query",
        lambda c: c.get_organization(),
        {"data": {"organization": {"id": "o", "name": "n", "createdAt": None, "updatedAt": None}}},
    ),
    SCALE.blocks(
        "a task for labelling",
        "scale-ai.tasks.create",
        lambda c: c.create_task(_text_task(), project="p", attachment=TEXT, attachment_type="text"),
    ),
    SCALE.blocks(
        "a batch of tasks",
        "scale-ai.batches.create",
        lambda c: c.create_batch("p", "b", "https://cb.example.com"),
    ),
    SCALE.blocks(
        "a file for tasks",
        "scale-ai.files.upload",
        lambda c: c.upload_file(CHATS.open("rb"), project_name="p"),
    ),
    SCALE.passes(
        "the end of a task", "scale-ai.tasks.manage", lambda c: c.cancel_task("t"), {"task_id": "t"}
    ),
    SCALE.passes("the list of projects", "", lambda c: c.projects(), []),
    REPLICATE.blocks(
        "a training",
        "replicate.trainings.create",
        lambda c: c.trainings.create(
            model="acme/m", version="v", input={"train_data": "https://f.example.com/a"}, destination="acme/n"
        ),
    ),
    REPLICATE.passes(
        "a prediction",
        "replicate.predictions.create",
        lambda c: c.predictions.create(version="v", input={"prompt": TEXT}),
        _PREDICTION,
    ),
    REPLICATE.passes(
        "the end of a training", "replicate.control", lambda c: c.trainings.cancel("t"), _PREDICTION
    ),
    FAL.blocks(
        "a trainer",
        "fal.flux_lora_fast_training",
        lambda c: c.submit(
            "fal-ai/flux-lora-fast-training", {"images_data_url": "https://f.example.com/a.zip"}
        ),
    ),
    FAL.blocks(
        "another's trainer",
        "fal.trainer",
        lambda c: c.submit("acme/voice-trainer", {"audio_url": "https://f.example.com/a.wav"}),
    ),
    FAL.passes(
        "a model", "fal.inference", lambda c: c.submit("fal-ai/flux/dev", {"prompt": "Ship."}), _QUEUED
    ),
)


def _text_task() -> Any:
    from scaleapi.tasks import TaskType

    return TaskType.NamedEntityRecognition
