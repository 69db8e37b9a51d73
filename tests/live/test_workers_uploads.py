"""An upload in parts over connections of their own: whichever worker a part comes to, it is judged with its opening."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from live.conftest import S3
from live.crowd import Crowd, until
from live.origins import pattern
from live.sdk.places import Places
from live.sdk.process import Gateway
from live.sdk.store import BUCKET as NAME
from live.sdk.store import ObjectStore
from live.test_sdk_s3 import make_client, stored

TRANSCRIPT = (
    Path(__file__).parents[1] / "samples/text/GMT20260108-120125_Recording.transcript.vtt"
).read_bytes()
MOST = 40
"""Uploads after which a part came to the worker of its opening and to the other, but for one run in a trillion."""


@pytest.fixture(scope="module")
def gateway(places: Places, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Two processes, whose clients hold no recordings: only what is seen of a transfer says that it is one."""
    source = {"name": "tools", "networks": ["127.0.0.0/8"], "holds": "nothing"}
    with Gateway(
        tmp_path_factory.mktemp("uploads"), places, "--workers", "2", settings={"sources": [source]}
    ) as found:
        yield found


@pytest.fixture
def fresh(
    gateway: Gateway, places: Places, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Any]]:
    """Clients of the store, each with a connection of its own, which is any worker's."""
    for name, value in gateway.environment().items():
        monkeypatch.setenv(name, value)
    origin, made = places[S3].origin, []

    def client() -> Any:
        made.append(make_client(None if origin == f"https://{S3}" else origin))
        return made[-1]

    yield client
    for each in made:
        each.close()


def served(gateway: Gateway, key: str) -> set[str]:
    """Which workers served the opening and the part of one object, once both are recorded."""

    def look() -> dict[str, str]:
        found = {
            str(entry.record["method"]): entry.segment.split("-")[1]
            for entry in Crowd(gateway, S3).entries()
            if entry.record["record"] == "decision" and str(entry.record["path"]).endswith(key)
        }
        return found if {"POST", "PUT"} <= found.keys() else {}

    return set(until(look, "the upload is not recorded").values())


def test_a_part_is_judged_with_its_opening_whichever_worker_it_comes_to(
    gateway: Gateway, fresh: Callable[[], Any]
) -> None:
    seen: Counter[int] = Counter()
    for at in range(MOST):
        key = f"lib/{at}.bin"
        upload = fresh().create_multipart_upload(Bucket=NAME, Key=key, Tagging="purpose=model-training")
        where = {"Bucket": NAME, "Key": key, "UploadId": upload["UploadId"]}
        with pytest.raises(ClientError, match=r"AccessDenied.*Subrosa"):
            fresh().upload_part(PartNumber=1, Body=TRANSCRIPT, **where)
        seen[len(served(gateway, key))] += 1
        if len(seen) > 1:
            break
    assert set(seen) == {1, 2}


def test_an_upload_over_both_workers_arrives_whole(
    gateway: Gateway, fresh: Callable[[], Any], store: ObjectStore
) -> None:
    content = [pattern(5 << 20), b"the end"]
    key = "rec/parts.bin"
    upload = fresh().create_multipart_upload(Bucket=NAME, Key=key)
    where = {"Bucket": NAME, "Key": key, "UploadId": upload["UploadId"]}
    parts = [
        {"PartNumber": number, "ETag": fresh().upload_part(PartNumber=number, Body=part, **where)["ETag"]}
        for number, part in enumerate(content, 1)
    ]
    fresh().complete_multipart_upload(MultipartUpload={"Parts": parts}, **where)

    direct = make_client(f"http://127.0.0.1:{store.port}", proxies={}, s3={"addressing_style": "path"})
    assert stored(direct, key) == hashlib.sha256(b"".join(content)).hexdigest()
    direct.close()
