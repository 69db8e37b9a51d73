"""The objects that a head names: every spelling of a copy's source, and of the object itself."""

from collections.abc import Iterable

import pytest

from helpers import head
from subrosa.facts.copies import sources_of, target_of
from subrosa.facts.references import GuardedStore, GuardedStores

GUARDED = GuardedStores(
    tuple(
        map(
            GuardedStore.parse,
            (
                "s3://meetings/rec",
                "gs://meetings/rec",
                "https://acct.blob.core.windows.net/recordings",
                "https://minio.corp.example:9000/meetings/rec",
            ),
        )
    )
)
AWS, GCS, AZURE, MINIO = (
    "train.s3.eu-central-1.amazonaws.com",
    "storage.googleapis.com",
    "acct.blob.core.windows.net",
    "minio.corp.example:9000",
)
type Lines = Iterable[tuple[str, str]]


def named(host: str, target: str, lines: Lines) -> bool:
    request = head(target, method="PUT", host=host, lines=[*lines, ("Content-Length", "0")])
    return any(GUARDED.covers(one) for one in sources_of(request))


@pytest.mark.parametrize(
    ("host", "target", "lines"),
    [
        pytest.param(AWS, "/a", [("x-amz-copy-source", "meetings/rec/a%20b.mp4")], id="S3"),
        pytest.param(
            AWS, "/a", [("x-amz-copy-source", "/meetings/rec/a?versionId=1")], id="S3 with slash and version"
        ),
        pytest.param(AWS, "/a", [("x-amz-copy-source", "arn:aws:s3:::meetings/rec/a")], id="S3 by its ARN"),
        pytest.param(AWS, "/a", [("X-Amz-Copy-Source", "meetings%2Frec%2Fa")], id="S3 all encoded"),
        pytest.param(AWS, "/a?x-amz-copy-source=meetings/rec/a", [], id="S3 presigned"),
        pytest.param(
            AWS,
            "/a",
            [("x-amz-copy-source", "other/a"), ("x-amz-copy-source", "meetings/rec/a")],
            id="S3 given twice",
        ),
        pytest.param(
            AWS, "/a?partNumber=1&uploadId=U", [("x-amz-copy-source", "meetings/rec/a")], id="a part of S3"
        ),
        pytest.param(
            MINIO, "/train/a", [("x-amz-copy-source", "meetings/rec/a")], id="S3 at an address of its own"
        ),
        pytest.param(GCS, "/storage/v1/b/meetings/o/rec%2Fa/rewriteTo/b/t/o/a", [], id="GCS, rewritten"),
        pytest.param(GCS, "/storage/v1/b/meetings/o/rec%2Fa/copyTo/b/t/o/a", [], id="GCS, copied"),
        pytest.param(
            GCS, "/train/a", [("x-goog-copy-source", "meetings/rec/a")], id="GCS by the XML interface"
        ),
        pytest.param(
            AZURE,
            "/t/a",
            [("x-ms-copy-source", f"https://{AZURE}/recordings/a?sv=1&sig=x")],
            id="Azure with a signature",
        ),
        pytest.param(
            AZURE,
            "/t/a?comp=block",
            [("x-ms-copy-source", "https://meetings.s3.amazonaws.com/rec/a?X-Amz-Signature=x")],
            id="Azure from S3",
        ),
        pytest.param(
            "acct.dfs.core.windows.net",
            "/t/a",
            [("x-ms-rename-source", "/recordings/a?sig=x")],
            id="Azure, renamed",
        ),
    ],
)
def test_a_copy_of_a_guarded_object_names_it(host: str, target: str, lines: Lines) -> None:
    assert named(host, target, lines)


@pytest.mark.parametrize(
    ("host", "target", "lines"),
    [
        pytest.param(AWS, "/meetings/rec/a", [], id="no copy at all"),
        pytest.param(
            AWS, "/a", [("x-amz-copy-source", "meetings/recipes/a")], id="another prefix of the bucket"
        ),
        pytest.param(AWS, "/a", [("x-amz-copy-source", "other/rec/a")], id="another bucket"),
        pytest.param(
            "minio.corp.example:9001", "/t/a", [("x-amz-copy-source", "other/rec/a")], id="another port"
        ),
        pytest.param(
            GCS, "/storage/v1/b/t/o/a/rewriteTo/b/meetings/o/rec%2Fa", [], id="a copy into the guarded store"
        ),
        pytest.param(GCS, "/storage/v1/b/meetings/o/rec%2Fa/acl", [], id="another call on the object"),
        pytest.param(
            AZURE, "/t/a", [("x-ms-copy-source", f"https://{AZURE}/recordings2/a")], id="another container"
        ),
        pytest.param(AZURE, "/t/a", [("x-ms-copy-source", "no address")], id="no address"),
    ],
)
def test_another_request_does_not(host: str, target: str, lines: Lines) -> None:
    assert not named(host, target, lines)


@pytest.mark.parametrize(
    ("host", "target", "guarded"),
    [
        ("meetings.s3.eu-central-1.amazonaws.com", "/rec/a?tagging", True),
        ("s3.eu-central-1.amazonaws.com", "/meetings/rec/a?tagging", True),
        ("storage.googleapis.com", "/storage/v1/b/meetings/o/rec%2Fa", True),
        (AZURE, "/recordings/a?comp=tags", True),
        (MINIO, "/meetings/rec/a?tagging", True),
        ("meetings.s3.eu-central-1.amazonaws.com", "/recipes/a?tagging", False),
        ("www.example.com", "/meetings/rec/a", False),
    ],
)
def test_the_object_of_a_request(host: str, target: str, guarded: bool) -> None:
    request = head(target, method="PUT", host=host, lines=[("Content-Length", "0")])

    assert (GUARDED.covers(target_of(request)) is not None) is guarded
