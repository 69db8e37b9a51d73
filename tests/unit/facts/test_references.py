import pytest

from subrosa.facts.references import GuardedStore, GuardedStores, ObjectReference, Provider
from subrosa.facts.unreadable import UnreadableError

S3, GCS, AZURE, HTTPS = Provider.S3, Provider.GCS, Provider.AZURE, Provider.HTTPS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("s3://meetings/rec/a.mp4", ObjectReference(S3, "meetings", "rec/a.mp4"), id="an S3 URI"),
        pytest.param("S3://Meetings/Rec", ObjectReference(S3, "meetings", "Rec"), id="an S3 URI in capitals"),
        pytest.param(" s3://meetings/rec ", ObjectReference(S3, "meetings", "rec"), id="blanks around it"),
        pytest.param("s3a://meetings/rec", ObjectReference(S3, "meetings", "rec"), id="Hadoop's S3 URI"),
        pytest.param("s3://meetings", ObjectReference(S3, "meetings"), id="a bucket"),
        pytest.param("s3://meetings/", ObjectReference(S3, "meetings"), id="a bucket with a slash"),
        pytest.param("s3://meetings/rec/*.mp4", ObjectReference(S3, "meetings", "rec/"), id="a wildcard"),
        pytest.param("arn:aws:s3:::meetings/rec/*", ObjectReference(S3, "meetings", "rec/"), id="an ARN"),
        pytest.param(
            "arn:aws-us-gov:s3:::meetings", ObjectReference(S3, "meetings"), id="an ARN of another partition"
        ),
        pytest.param("ARN:AWS:S3:::meetings", ObjectReference(S3, "meetings"), id="an ARN in capitals"),
        pytest.param(
            "https://meetings.s3.amazonaws.com/rec/a",
            ObjectReference(S3, "meetings", "rec/a"),
            id="virtual host",
        ),
        pytest.param(
            "https://meetings.s3.eu-west-1.amazonaws.com/rec/a%20b?X-Amz-Signature=x#y",
            ObjectReference(S3, "meetings", "rec/a b"),
            id="virtual host in a region, presigned",
        ),
        pytest.param(
            "https://my.meetings.s3.dualstack.eu-west-1.amazonaws.com/a",
            ObjectReference(S3, "my.meetings", "a"),
            id="dots",
        ),
        pytest.param(
            "https://m.s3-eu-west-1.amazonaws.com/a", ObjectReference(S3, "m", "a"), id="the old region form"
        ),
        pytest.param(
            "https://m.s3-accelerate.amazonaws.com/a", ObjectReference(S3, "m", "a"), id="accelerated"
        ),
        pytest.param(
            "https://m.s3-fips.us-gov-west-1.amazonaws.com/a", ObjectReference(S3, "m", "a"), id="FIPS"
        ),
        pytest.param("https://m.s3.cn-north-1.amazonaws.com.cn/a", ObjectReference(S3, "m", "a"), id="China"),
        pytest.param(
            "https://m.s3.us-iso-east-1.c2s.ic.gov/a",
            ObjectReference(S3, "m", "a"),
            id="an isolated partition",
        ),
        pytest.param(
            "https://m.s3.eu-west-1.api.aws/a", ObjectReference(S3, "m", "a"), id="the new dual-stack domain"
        ),
        pytest.param(
            "http://s3.amazonaws.com/meetings/rec", ObjectReference(S3, "meetings", "rec"), id="path style"
        ),
        pytest.param(
            "HTTPS://S3.eu-west-1.AMAZONAWS.com.:443//meetings//rec",
            ObjectReference(S3, "meetings", "rec"),
            id="spelled oddly",
        ),
        pytest.param("gs://meetings/Rec", ObjectReference(GCS, "meetings", "Rec"), id="a GCS URI"),
        pytest.param(
            "https://storage.googleapis.com/m/rec/a", ObjectReference(GCS, "m", "rec/a"), id="GCS, path style"
        ),
        pytest.param(
            "https://m.storage.googleapis.com/rec", ObjectReference(GCS, "m", "rec"), id="GCS, virtual host"
        ),
        pytest.param(
            "https://storage.cloud.google.com/m/rec", ObjectReference(GCS, "m", "rec"), id="GCS, for browsers"
        ),
        pytest.param(
            "https://storage.googleapis.com/storage/v1/b/m/o/rec%2Fa?alt=media",
            ObjectReference(GCS, "m", "rec/a"),
            id="GCS, JSON API",
        ),
        pytest.param(
            "https://www.googleapis.com/download/storage/v1/b/m/o/rec%2Fa",
            ObjectReference(GCS, "m", "rec/a"),
            id="GCS, JSON API for downloads",
        ),
        pytest.param(
            "https://www.googleapis.com/storage/v1/b/m",
            ObjectReference(GCS, "m"),
            id="GCS, JSON API, a bucket",
        ),
        pytest.param(
            "https://acct.blob.core.windows.net/Meet/rec/a?sv=1",
            ObjectReference(AZURE, "acct/meet", "rec/a"),
            id="Azure blob",
        ),
        pytest.param(
            "https://acct-secondary.blob.core.windows.net/meet/a",
            ObjectReference(AZURE, "acct/meet", "a"),
            id="its copy",
        ),
        pytest.param(
            "https://acct.z22.blob.storage.azure.net/meet/a",
            ObjectReference(AZURE, "acct/meet", "a"),
            id="Azure, by zone",
        ),
        pytest.param(
            "https://acct.dfs.core.chinacloudapi.cn/meet/a",
            ObjectReference(AZURE, "acct/meet", "a"),
            id="Azure, China",
        ),
        pytest.param(
            "abfss://meet@acct.dfs.core.windows.net/rec/a",
            ObjectReference(AZURE, "acct/meet", "rec/a"),
            id="abfss",
        ),
        pytest.param(
            "wasbs://meet@acct.blob.core.windows.net/", ObjectReference(AZURE, "acct/meet"), id="wasbs"
        ),
        pytest.param(
            "https://Store.corp.:9000/rec/a",
            ObjectReference(HTTPS, "store.corp:9000", "rec/a"),
            id="any server",
        ),
        pytest.param(
            "http://store.corp/rec", ObjectReference(HTTPS, "store.corp:80", "rec"), id="in the clear"
        ),
        pytest.param(
            "https://user:pw@store.corp/rec",
            ObjectReference(HTTPS, "store.corp:443", "rec"),
            id="with userinfo",
        ),
        pytest.param(
            "https://mys3.amazonaws.com/a",
            ObjectReference(HTTPS, "mys3.amazonaws.com:443", "a"),
            id="no S3 host",
        ),
        pytest.param(
            "https://www.googleapis.com/x",
            ObjectReference(HTTPS, "www.googleapis.com:443", "x"),
            id="no GCS path",
        ),
    ],
)
def test_an_object_is_named_in_many_ways(text: str, expected: ObjectReference) -> None:
    assert ObjectReference.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "provider"),
    [
        pytest.param("s3://", S3, id="an S3 URI without a bucket"),
        pytest.param("https://s3.amazonaws.com/", S3, id="path style without a bucket"),
        pytest.param("arn:aws:s3:eu-west-1:1:accesspoint/ap/object/rec/a", S3, id="an access point"),
        pytest.param("s3://arn:aws:s3:eu-west-1:1:accesspoint/ap/rec", S3, id="an access point as a URI"),
        pytest.param("arn:aws:s3-object-lambda:eu-west-1:1:accesspoint/ap", S3, id="an object lambda"),
        pytest.param(
            "https://ap-1.s3-accesspoint.eu-west-1.amazonaws.com/rec", S3, id="an access point's host"
        ),
        pytest.param("s3://ap-x7-s3alias/rec", S3, id="an access point's alias"),
        pytest.param("azureml://datastores/x/paths/rec", AZURE, id="a datastore of Azure ML"),
        pytest.param("azureml:meetings:1", AZURE, id="a data asset of Azure ML"),
        pytest.param("adl://acct.azuredatalakestore.net/rec", AZURE, id="the first data lake"),
        pytest.param("abfss://meet@other.example/rec", AZURE, id="abfss at another host"),
        pytest.param("https://bad host/rec", HTTPS, id="a URL without a host"),
        pytest.param("https:///rec", HTTPS, id="a URL with an empty host"),
    ],
)
def test_what_only_the_provider_can_resolve_is_told(text: str, provider: Provider) -> None:
    reference = ObjectReference.parse(text)

    assert reference is not None
    assert (reference.provider, reference.resolved) == (provider, False)
    assert GuardedStores((GuardedStore(S3, ""), GuardedStore(AZURE, ""))).covers(reference) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "meetings/rec/a.mp4",
        "file-abc123",
        "C:\\rec\\a.mp4",
        "s3:meetings",
        "gs:/meetings/rec",
        "https:store.corp",
        "abfss:meet@x",
        "arn:aws:iam::1:role/x",
        "urn:li:tag:x",
        "ftp://x/y",
        "s3",
    ],
)
def test_a_text_that_names_no_object_is_no_reference(text: str) -> None:
    assert ObjectReference.parse(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "meetings/rec/a%20b.mp4", ObjectReference(S3, "meetings", "rec/a b.mp4"), id="bucket and key"
        ),
        pytest.param("/meetings/rec/a", ObjectReference(S3, "meetings", "rec/a"), id="with a slash before"),
        pytest.param("meetings/a?versionId=x", ObjectReference(S3, "meetings", "a"), id="with a version"),
        pytest.param(
            "meetings%2Frec%2Fa", ObjectReference(S3, "meetings", "rec/a"), id="with encoded slashes"
        ),
        pytest.param("arn:aws:s3:::meetings/rec", ObjectReference(S3, "meetings", "rec"), id="an ARN"),
        pytest.param(
            "arn:aws:iam::1:x", ObjectReference(S3, "", "arn:aws:iam::1:x", resolved=False), id="another ARN"
        ),
        pytest.param("", ObjectReference(S3, "", "", resolved=False), id="nothing"),
    ],
)
def test_a_copy_source_of_s3(text: str, expected: ObjectReference) -> None:
    assert ObjectReference.of_copy_source(text) == expected


REC = GuardedStore(S3, "meetings", "rec/zoom")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("s3://meetings/rec/zoom/a.mp4", id="an object below the prefix"),
        pytest.param("s3://meetings/rec/zoom", id="the prefix"),
        pytest.param("s3://meetings/rec/zoom/", id="the prefix with a slash"),
        pytest.param("s3://meetings/rec/", id="what is above the prefix"),
        pytest.param("s3://meetings", id="the bucket"),
        pytest.param("s3://meetings/*", id="everything in the bucket"),
        pytest.param("s3://meetings/re", id="a prefix in characters, as S3 reads it"),
        pytest.param("s3://meetings/rec/zo*", id="a wildcard that reaches into the prefix"),
        pytest.param("s3://meetings//rec//zoom/a", id="empty segments, as some tools drop them"),
        pytest.param("s3://meetings/x/../rec/zoom/a", id="dot segments, as some tools resolve them"),
        pytest.param("s3://meetings/rec/zoom/../x", id="dot segments, as S3 keeps them"),
        pytest.param("s3://meetings/rec%2Fzoom/a", id="an encoded slash, as some tools decode it"),
        pytest.param("https://meetings.s3.amazonaws.com/rec/zoom/a", id="a URL"),
    ],
)
def test_a_reference_reaches_into_a_store(text: str) -> None:
    reference = ObjectReference.parse(text)

    assert reference is not None
    assert reference.matches(REC)
    assert GuardedStores((GuardedStore(GCS, "meetings"), REC)).covers(reference) == REC


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("s3://meetings/rec/zoomed/a.mp4", id="a longer segment is another one"),
        pytest.param("s3://meetings/rec/teams/a.mp4", id="a sibling"),
        pytest.param("s3://meetings/recipes", id="a longer first segment"),
        pytest.param("s3://meetings2/rec/zoom/a.mp4", id="another bucket"),
        pytest.param("gs://meetings/rec/zoom/a.mp4", id="another provider"),
        pytest.param("https://store.corp/meetings/rec/zoom/a", id="another server"),
    ],
)
def test_a_near_miss_does_not_reach_into_a_store(text: str) -> None:
    reference = ObjectReference.parse(text)

    assert reference is not None
    assert not reference.matches(REC)
    assert GuardedStores((REC,)).covers(reference) is None


@pytest.mark.parametrize("text", ["s3://meetings/x", "s3://meetings", "s3://meetings/rec%2Fx"])
def test_a_store_without_prefix_is_the_whole_bucket(text: str) -> None:
    reference = ObjectReference.parse(text)

    assert reference is not None
    assert reference.matches(GuardedStore(S3, "meetings"))


@pytest.mark.parametrize(
    ("store", "canonical"),
    [
        pytest.param(
            GuardedStore(S3, "Meetings", "/rec//x/"), GuardedStore(S3, "meetings", "rec/x"), id="S3"
        ),
        pytest.param(GuardedStore(AZURE, "Acct/Meet"), GuardedStore(AZURE, "acct/meet"), id="Azure"),
        pytest.param(GuardedStore(HTTPS, "Store.corp"), GuardedStore(HTTPS, "store.corp:443"), id="https"),
        pytest.param(
            GuardedStore.parse("s3://meetings/rec/"), GuardedStore(S3, "meetings", "rec"), id="by its URI"
        ),
        pytest.param(
            GuardedStore.parse("https://store.corp/rec"),
            GuardedStore(HTTPS, "store.corp:443", "rec"),
            id="by URL",
        ),
    ],
)
def test_a_store_has_one_canonical_form(store: GuardedStore, canonical: GuardedStore) -> None:
    assert store == canonical


@pytest.mark.parametrize("text", ["meetings", "azureml://x", "s3://", ""])
def test_a_text_that_names_no_bucket_is_no_store(text: str) -> None:
    with pytest.raises(UnreadableError, match=r"names no bucket$"):
        GuardedStore.parse(text)


def test_an_https_store_that_is_no_host_is_no_store() -> None:
    with pytest.raises(UnreadableError):
        GuardedStore(HTTPS, "bad host")


def test_no_stores_cover_nothing() -> None:
    assert GuardedStores().covers(ObjectReference(S3, "meetings", "rec")) is None
