"""boto3 as it comes, in parts, to a real store: what the opening said is known of each part, and at the end."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from live.conftest import BUCKET, S3
from live.origins import pattern
from live.sdk.places import Places
from live.sdk.process import Gateway
from live.sdk.store import BUCKET as NAME
from live.sdk.store import ObjectStore
from live.test_sdk_s3 import make_client, stored

TRANSCRIPT = (
    Path(__file__).parents[1] / "samples/text/GMT20260108-120125_Recording.transcript.vtt"
).read_bytes()
PART = pattern(5 << 20)


@pytest.fixture
def tools(start_gateway: Callable[..., Gateway], monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """A gateway whose clients hold no recordings: only what is seen of a transfer says that it is one."""
    source = {"name": "tools", "networks": ["127.0.0.0/8"], "holds": "nothing"}
    found = start_gateway(settings={"sources": [source], "guarded": [f"s3://{NAME}/guarded"]})
    for name, value in found.environment().items():
        monkeypatch.setenv(name, value)
    return found


@pytest.fixture
def s3(places: Places, store: ObjectStore, tools: Gateway) -> Iterator[Any]:
    origin = places[S3].origin
    client = make_client(None if origin == f"https://{S3}" else origin)
    yield client
    client.close()


@pytest.fixture
def direct(store: ObjectStore) -> Iterator[Any]:
    client = make_client(f"http://127.0.0.1:{store.port}", proxies={}, s3={"addressing_style": "path"})
    yield client
    client.close()


def opened(s3: Any, key: str, **more: Any) -> dict[str, Any]:
    answer = s3.create_multipart_upload(Bucket=NAME, Key=key, **more)
    return {"Bucket": NAME, "Key": key, "UploadId": answer["UploadId"]}


def completed(s3: Any, upload: dict[str, Any], *parts: bytes) -> None:
    done = [
        {"PartNumber": number, "ETag": s3.upload_part(PartNumber=number, Body=part, **upload)["ETag"]}
        for number, part in enumerate(parts, 1)
    ]
    s3.complete_multipart_upload(MultipartUpload={"Parts": done}, **upload)


def test_meeting_content_does_not_follow_a_training_tag_in_parts(
    s3: Any, direct: Any, tools: Gateway
) -> None:
    with tools.watching(BUCKET, S3) as trial:
        upload = opened(s3, "lib/a.bin", Tagging="purpose=model-training")
        first = s3.upload_part(PartNumber=1, Body=PART, **upload)
    assert first["ETag"]
    assert [each["verdict"] for each in trial.decisions] == ["allow", "allow"]

    with tools.watching(BUCKET, S3) as trial, pytest.raises(ClientError, match=r"AccessDenied.*Subrosa"):
        s3.upload_part(PartNumber=2, Body=TRANSCRIPT, **upload)
    decision = trial.refused("pledge.training-tag")
    assert decision["operation"] == "aws-s3.put_part"
    assert ["x-amz-tagging", "purpose", "model-training"] in decision["tags"]
    assert direct.list_parts(**upload)["Parts"][0]["Size"] == len(PART)
    assert len(direct.list_parts(**upload)["Parts"]) == 1
    s3.abort_multipart_upload(**upload)


def test_a_tag_that_says_content_is_known_of_every_part(s3: Any, direct: Any, tools: Gateway) -> None:
    with tools.watching(BUCKET, S3) as trial:
        upload = opened(s3, "lib/kept.bin", Metadata={"data-class": "meeting"})
        completed(s3, upload, PART, PART[:100])
    assert [each["customer_content"] for each in trial.allowed()] == [True] * 4
    assert stored(direct, "lib/kept.bin") == hashlib.sha256(PART + PART[:100]).hexdigest()


def test_an_upload_that_said_nothing_is_not_meeting_content(s3: Any, direct: Any, tools: Gateway) -> None:
    with tools.watching(BUCKET, S3) as trial:
        upload = opened(s3, "lib/plain.bin", Tagging="cost-centre=42")
        completed(s3, upload, PART, TRANSCRIPT)
    said = [each["customer_content"] for each in trial.allowed() if each["method"] == "POST"]
    assert said == [False, False]
    assert stored(direct, "lib/plain.bin") == hashlib.sha256(PART + TRANSCRIPT).hexdigest()


def test_an_upload_for_training_without_meeting_content_is_whole(
    s3: Any, direct: Any, tools: Gateway
) -> None:
    with tools.watching(BUCKET, S3) as trial:
        completed(s3, opened(s3, "lib/data.bin", Tagging="purpose=model-training"), PART, PART[:9])
    trial.allowed()
    assert stored(direct, "lib/data.bin") == hashlib.sha256(PART + PART[:9]).hexdigest()


def test_a_guarded_recording_is_not_copied_under_a_training_tag(s3: Any, direct: Any, tools: Gateway) -> None:
    direct.put_object(Bucket=NAME, Key="guarded/a.mp4", Body=PART)
    copy = {"Bucket": NAME, "CopySource": {"Bucket": NAME, "Key": "guarded/a.mp4"}}
    with tools.watching(BUCKET, S3) as trial, pytest.raises(ClientError, match=r"AccessDenied.*Subrosa"):
        s3.copy_object(Key="lib/copy.mp4", Tagging="purpose=ml-training", TaggingDirective="REPLACE", **copy)
    trial.refused("pledge.training-tag")
    with tools.watching(BUCKET, S3) as trial:
        s3.copy_object(Key="lib/copy.mp4", **copy)
    trial.allowed()


def test_a_guarded_recording_is_not_copied_into_an_upload_for_training(
    s3: Any, direct: Any, tools: Gateway
) -> None:
    direct.put_object(Bucket=NAME, Key="guarded/b.mp4", Body=PART)
    upload = opened(s3, "lib/parts.bin", Tagging="purpose=model-training")
    with tools.watching(BUCKET, S3) as trial, pytest.raises(ClientError, match=r"AccessDenied.*Subrosa"):
        s3.upload_part_copy(
            PartNumber=1,
            CopySource={"Bucket": NAME, "Key": "guarded/b.mp4"},
            CopySourceRange="bytes=0-9",
            **upload,
        )
    trial.refused("pledge.training-tag")
    s3.abort_multipart_upload(**upload)


def test_a_tag_that_comes_after_the_bytes_is_refused_and_told_as_late(
    s3: Any, direct: Any, tools: Gateway
) -> None:
    direct.put_object(Bucket=NAME, Key="guarded/c.mp4", Body=PART)
    tags = {"TagSet": [{"Key": "purpose", "Value": "model-training"}]}
    with tools.watching(BUCKET, S3) as trial, pytest.raises(ClientError, match=r"AccessDenied.*Subrosa"):
        s3.put_object_tagging(Bucket=NAME, Key="guarded/c.mp4", Tagging=tags)
    decision = trial.refused("pledge.training-tag")
    assert decision["operation"] == "aws-s3.put_tagging"
    assert tools.metric("subrosa_late_total", operation="aws-s3.put_tagging") == 1
