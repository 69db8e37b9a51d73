"""Names of objects in stores: a request that only refers to a recording is judged as if it carried it.

The spellings are those of the providers' own tools: URIs, virtual-hosted and path-style URLs, ARNs.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import unquote

from subrosa.facts.hosts import Authority
from subrosa.facts.quoting import quoted
from subrosa.facts.unreadable import Ambiguity, UnreadableError


class Provider(StrEnum):
    """Whose naming a store follows; ``https`` is any other server, bucket ``host:port``."""

    S3 = "s3"
    GCS = "gcs"
    AZURE = "azure"
    HTTPS = "https"


@dataclass(frozen=True, slots=True)
class GuardedStore:
    """A bucket, or a prefix of one, that holds recordings.

    ``bucket`` is the bucket's name, ``account/container`` for Azure, ``host:port`` for https. ``prefix`` is a path
    of whole segments; empty for the whole bucket. All three become canonical when made; raises UnreadableError
    for an https bucket that is no host.
    """

    provider: Provider
    bucket: str
    prefix: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "bucket", _CANONICAL_BUCKET[self.provider](self.bucket))
        object.__setattr__(self, "prefix", _plain(self.prefix))

    @classmethod
    def parse(cls, text: str) -> "GuardedStore":
        """The store that a reference (``s3://meetings/rec``) names; raises UnreadableError for another text."""
        reference = ObjectReference.parse(text)
        if reference is None or not reference.resolved:
            raise UnreadableError(Ambiguity.BAD_SYNTAX, f"{quoted(text)} names no bucket")
        return cls(reference.provider, reference.bucket, reference.key)


@dataclass(frozen=True, slots=True)
class ObjectReference:
    """An object, or a prefix of objects, that a request names.

    ``key`` has no leading slash; of a wildcard pattern it is what stands before the first wildcard. ``resolved``
    is False where the text names a store's object in a way that only the provider can resolve (``azureml://``,
    access points); ``bucket`` then is what could be read.
    """

    provider: Provider
    bucket: str
    key: str = ""
    resolved: bool = True

    @classmethod
    def parse(cls, text: str) -> "ObjectReference | None":
        """Read a URI, URL or ARN; None for a text that names no stored object. Raises nothing."""
        stripped = text.strip()
        scheme, mark, rest = stripped.partition(":")
        reader = _SCHEMES.get(scheme.lower()) if mark else None
        return reader(rest) if reader is not None else None

    @classmethod
    def of_copy_source(cls, text: str) -> "ObjectReference":
        """Read ``x-amz-copy-source``: ``bucket/key`` percent-encoded, with or without ``/`` before it, or an ARN."""
        if text.lower().startswith("arn:"):
            return _arn(text[4:]) or cls(Provider.S3, "", text, resolved=False)
        return _named(Provider.S3, unquote(text.partition("?")[0]))

    @classmethod
    def of_address(cls, authority: Authority, path: str) -> "ObjectReference":
        """The object at the address of a request."""
        return _of_host(authority, path)

    def matches(self, store: GuardedStore) -> bool:
        """Whether the object lies in the store, or the named prefix holds some of it.

        The store's prefix counts in whole segments (``rec`` holds ``rec/a``, not ``recipes/a``); the reference's own
        key is a prefix as the providers read it, in characters (``re`` names all of ``rec/``).
        """
        if not self.resolved or self.provider is not store.provider or self.bucket != store.bucket:
            return False
        prefix = store.prefix
        return not prefix or any(
            f"{key}/".startswith(f"{prefix}/") or f"{prefix}/".startswith(key) for key in _readings(self.key)
        )


@dataclass(frozen=True, slots=True)
class GuardedStores:
    """All guarded stores of a policy, looked up by bucket."""

    stores: tuple[GuardedStore, ...] = ()
    _by_bucket: Mapping[tuple[Provider, str], tuple[GuardedStore, ...]] = field(
        init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        index: dict[tuple[Provider, str], tuple[GuardedStore, ...]] = {}
        for store in self.stores:
            key = store.provider, store.bucket
            index[key] = (*index.get(key, ()), store)
        object.__setattr__(self, "_by_bucket", index)

    def covers(self, reference: ObjectReference) -> GuardedStore | None:
        """The first guarded store that the reference reaches into, or None; an unresolved one reaches into none."""
        candidates = self._by_bucket.get((reference.provider, reference.bucket), ())
        return next((store for store in candidates if reference.matches(store)), None)


_WILDCARD = re.compile(r"[*?\[{#]")
_S3_HOST = re.compile(
    r"(?:(?P<bucket>.+)\.)?s3(?P<kind>[.-][a-z0-9.-]+)?\."
    r"(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|api\.aws|c2s\.ic\.gov|sc2s\.sgov\.gov)"
)
_S3_INDIRECT = re.compile(r"accesspoint|object-lambda|outposts|control|express")
_GCS_HOST = re.compile(
    r"(?:(?P<bucket>.+)\.)?(?:commondata)?storage(?:-download)?\.(?:googleapis|cloud\.google)\.com"
)
_GCS_API = re.compile(
    r"/(?:(?:download|upload|batch|resumable/upload)/)?storage/v1/b/([^/]+)(?:/o(?:/(.*))?)?", re.DOTALL
)
_GCS_API_HOSTS = frozenset({"www.googleapis.com", "storage.googleapis.com"})
_AZURE_HOST = re.compile(
    r"(?P<account>[a-z0-9]+?)(?:-secondary)?(?:\.z[0-9]+)?\.(?:blob|dfs)\."
    r"(?:core\.windows\.net|core\.usgovcloudapi\.net|core\.chinacloudapi\.cn|storage\.azure\.net)"
)


def _plain(key: str) -> str:
    """A key or prefix with dot segments resolved, and without empty segments and slashes at its ends."""
    kept: list[str] = []
    for segment in key.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in {"", "."}:
            kept.append(segment)
    return "/".join(kept)


def _readings(key: str) -> set[str]:
    """The key as providers read it, and as tools do that decode and normalise it."""
    decoded = unquote(key)
    return {key, decoded, _plain(key), _plain(decoded)}


def _named(provider: Provider, path: str, *, account: str = "") -> ObjectReference:
    """The reference of ``bucket/key``; Azure's bucket is ``account/container``."""
    bucket, _, key = path.lstrip("/").partition("/")
    name = f"{account}/{bucket}" if account else bucket
    name = name if provider is Provider.GCS else name.lower()
    indirect = provider is Provider.S3 and name.endswith("-s3alias")
    return ObjectReference(provider, name, key.lstrip("/"), resolved=bool(bucket) and not indirect)


def _uri(provider: Provider) -> Callable[[str], ObjectReference | None]:
    def read(rest: str) -> ObjectReference | None:
        if not rest.startswith("//"):
            return None
        path = rest[2:]
        return (
            _arn(path[4:]) if path.lower().startswith("arn:") else _named(provider, _WILDCARD.split(path)[0])
        )

    return read


def _azure_uri(rest: str) -> ObjectReference | None:
    """``container@account.dfs.core.windows.net/key`` (abfss, wasbs)."""
    if not rest.startswith("//"):
        return None
    container, _, place = rest[2:].partition("@")
    host, _, key = place.partition("/")
    account = _AZURE_HOST.fullmatch(host.lower())
    if account is None:
        return ObjectReference(Provider.AZURE, container.lower(), "", resolved=False)
    return _named(Provider.AZURE, f"{container}/{_WILDCARD.split(key)[0]}", account=account["account"])


def _unresolved_azure(rest: str) -> ObjectReference:
    return ObjectReference(Provider.AZURE, "", rest.strip("/"), resolved=False)


def _arn(rest: str) -> ObjectReference | None:
    """``partition:s3:::bucket/key``; access points and the like are names that only AWS resolves."""
    _, _, service_rest = rest.partition(":")
    service, _, place = service_rest.partition(":")
    if not service.lower().startswith("s3"):
        return None
    if service.lower() == "s3" and place.startswith("::"):
        return _named(Provider.S3, _WILDCARD.split(place[2:])[0])
    return ObjectReference(Provider.S3, "", place, resolved=False)


def _url(default_port: int) -> Callable[[str], ObjectReference | None]:
    def read(rest: str) -> ObjectReference | None:
        if not rest.startswith("//"):
            return None
        place, slash, path = re.split("[?#]", rest[2:], maxsplit=1)[0].partition("/")
        try:
            authority = Authority.parse(place.rpartition("@")[2], default_port)
        except UnreadableError:
            return ObjectReference(Provider.HTTPS, "", "", resolved=False)
        return _of_host(authority, slash + path)

    return read


def _of_host(authority: Authority, path: str) -> ObjectReference:
    name = authority.host.name
    api = _GCS_API.fullmatch(path) if name in _GCS_API_HOSTS else None
    if api is not None:
        return ObjectReference(Provider.GCS, unquote(api[1]), unquote(api[2] or ""))
    decoded = unquote(path)
    if (s3 := _S3_HOST.fullmatch(name)) is not None:
        if _S3_INDIRECT.search(s3["kind"] or ""):
            return ObjectReference(Provider.S3, s3["bucket"] or "", decoded.lstrip("/"), resolved=False)
        return _named(Provider.S3, f"{s3['bucket']}{decoded}" if s3["bucket"] else decoded)
    if (gcs := _GCS_HOST.fullmatch(name)) is not None:
        return _named(Provider.GCS, f"{gcs['bucket']}{decoded}" if gcs["bucket"] else decoded)
    if (azure := _AZURE_HOST.fullmatch(name)) is not None:
        return _named(Provider.AZURE, decoded, account=azure["account"])
    return ObjectReference(Provider.HTTPS, str(authority), decoded.lstrip("/"))


_CANONICAL_BUCKET: Mapping[Provider, Callable[[str], str]] = {
    Provider.S3: str.lower,
    Provider.GCS: str,
    Provider.AZURE: str.lower,
    Provider.HTTPS: lambda bucket: str(Authority.parse(bucket, 443)),
}

_SCHEMES: Mapping[str, Callable[[str], ObjectReference | None]] = {
    **dict.fromkeys(("s3", "s3a", "s3n"), _uri(Provider.S3)),
    **dict.fromkeys(("gs", "gcs"), _uri(Provider.GCS)),
    **dict.fromkeys(("abfs", "abfss", "wasb", "wasbs"), _azure_uri),
    **dict.fromkeys(("azureml", "adl"), _unresolved_azure),
    "arn": _arn,
    "http": _url(80),
    "https": _url(443),
}
