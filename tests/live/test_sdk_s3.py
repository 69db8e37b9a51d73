import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.client import Config
from botocore.exceptions import ClientError

from live.conftest import BUCKET, GLOBAL, S3
from live.origins import pattern
from live.sdk.places import Places
from live.sdk.process import Gateway
from live.sdk.store import BUCKET as NAME
from live.sdk.store import KEY, REGION, SECRET, ObjectStore

MIB = 1 << 20
RECORDING = (Path(__file__).parents[1] / "samples/media/zoom_like.mp4").read_bytes() + pattern(3 * MIB)


def make_client(endpoint: str | None, **config: Any) -> Any:
    return boto3.session.Session(KEY, SECRET, region_name=REGION).client(
        "s3", endpoint_url=endpoint, config=Config(signature_version="s3v4", **config)
    )


@pytest.fixture
def s3(places: Places, store: ObjectStore, through_gateway: Gateway) -> Iterator[Any]:
    """boto3 as it comes, but for proxy and CA (and the port, where 443 could not be had)."""
    origin = places[S3].origin
    client = make_client(None if origin == f"https://{S3}" else origin)
    yield client
    client.close()


@pytest.fixture
def direct(store: ObjectStore) -> Iterator[Any]:
    """The store without the gateway, to see what arrived."""
    client = make_client(f"http://127.0.0.1:{store.port}", proxies={}, s3={"addressing_style": "path"})
    yield client
    client.close()


def stored(direct: Any, key: str) -> str:
    return hashlib.sha256(direct.get_object(Bucket=NAME, Key=key)["Body"].read()).hexdigest()


def test_a_recording_put_with_trailing_checksum_arrives_as_it_was(
    s3: Any, direct: Any, gateway: Gateway
) -> None:
    with gateway.watching(BUCKET, S3) as trial:
        s3.put_object(Bucket=NAME, Key="rec/plain.mp4", Body=RECORDING, ContentType="video/mp4")
    decision = trial.decision
    assert decision["verdict"] == "allow"
    assert ["x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"] in decision["checksums"]
    assert trial.octets > len(RECORDING)
    assert stored(direct, "rec/plain.mp4") == hashlib.sha256(RECORDING).hexdigest()


def test_a_multipart_upload_arrives_as_it_was(s3: Any, direct: Any, gateway: Gateway, tmp_path: Path) -> None:
    content = pattern(12 * MIB)
    file = tmp_path / "long.mp4"
    file.write_bytes(content)
    transfer = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    with gateway.watching(BUCKET) as trial:
        s3.upload_file(str(file), NAME, "rec/long.mp4", Config=transfer)
    methods = sorted(each["method"] for each in trial.allowed())
    assert methods == ["POST", "POST", "PUT", "PUT", "PUT"]
    assert stored(direct, "rec/long.mp4") == hashlib.sha256(content).hexdigest()


def test_a_presigned_upload_passes(s3: Any, direct: Any, gateway: Gateway) -> None:
    url = s3.generate_presigned_url("put_object", Params={"Bucket": NAME, "Key": "rec/presigned.mp4"})
    with gateway.watching(GLOBAL) as trial, httpx.Client() as client:
        answer = client.put(url, content=RECORDING)
    assert answer.status_code == 200, answer.text
    assert trial.decision["verdict"] == "allow"
    assert stored(direct, "rec/presigned.mp4") == hashlib.sha256(RECORDING).hexdigest()


def test_a_recording_may_be_read_listed_and_removed(s3: Any, direct: Any, gateway: Gateway) -> None:
    direct.put_object(Bucket=NAME, Key="rec/old.mp4", Body=RECORDING)
    with gateway.watching(BUCKET) as trial:
        body = s3.get_object(Bucket=NAME, Key="rec/old.mp4")["Body"].read()
        listed = s3.list_objects_v2(Bucket=NAME, Prefix="rec/old")["KeyCount"]
        s3.delete_object(Bucket=NAME, Key="rec/old.mp4")
    assert body == RECORDING
    assert listed == 1
    assert len(trial.allowed()) == 3


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param({"Tagging": "purpose=model-training"}, id="an object tag"),
        pytest.param({"Metadata": {"purpose": "ml-training"}}, id="metadata of the object"),
        pytest.param(
            {"Tagging": "consent=granted&purpose=model-training"}, id="an object tag beside consent"
        ),
    ],
)
def test_a_recording_tagged_for_training_is_refused_at_once(
    statement: dict[str, Any], s3: Any, direct: Any, gateway: Gateway
) -> None:
    with gateway.watching(BUCKET, S3) as trial, pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=NAME, Key="rec/tagged.mp4", Body=RECORDING, **statement)
    decision = trial.refused("pledge.training-tag")
    assert (decision["stage"], decision["reason"]) == ("head", "training-tag")
    told = str(refused.value)
    assert told.startswith(
        "An error occurred (AccessDenied) when calling the PutObject operation: Blocked by Subrosa"
    )
    assert "tagged for model training" in told
    assert decision["id"] in told
    assert refused.value.response["ResponseMetadata"]["RetryAttempts"] == 0
    assert direct.list_objects_v2(Bucket=NAME, Prefix="rec/tagged")["KeyCount"] == 0


def test_a_multipart_upload_tagged_for_training_is_refused_when_it_is_opened(
    s3: Any, gateway: Gateway
) -> None:
    with gateway.watching(BUCKET, S3) as trial, pytest.raises(ClientError, match="Blocked by Subrosa"):
        s3.create_multipart_upload(Bucket=NAME, Key="rec/long.mp4", Tagging="purpose=fine-tuning")
    trial.refused("pledge.training-tag")


def test_a_tag_added_to_a_stored_recording_is_refused(s3: Any, direct: Any, gateway: Gateway) -> None:
    direct.put_object(Bucket=NAME, Key="rec/later.mp4", Body=RECORDING)
    tags = {"TagSet": [{"Key": "purpose", "Value": "model-training"}]}
    with gateway.watching(BUCKET, S3) as trial, pytest.raises(ClientError, match=r"AccessDenied.*Subrosa"):
        s3.put_object_tagging(Bucket=NAME, Key="rec/later.mp4", Tagging=tags)
    trial.refused("pledge.training-tag")


def test_a_tag_for_another_purpose_passes(s3: Any, direct: Any, gateway: Gateway) -> None:
    with gateway.watching(BUCKET) as trial:
        s3.put_object(
            Bucket=NAME, Key="rec/kept.mp4", Body=RECORDING, Tagging="purpose=archive&team=training"
        )
    assert trial.decision["verdict"] == "allow"
    assert stored(direct, "rec/kept.mp4") == hashlib.sha256(RECORDING).hexdigest()
