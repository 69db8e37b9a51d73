"""The objects that a request's head names: a copy sends no content, so what it names is what it carries."""

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import unquote

from subrosa.facts.hosts import Authority
from subrosa.facts.paths import fold_name
from subrosa.facts.records import RequestHead
from subrosa.facts.references import ObjectReference, Provider

type _Reader = Callable[[str, Authority], tuple[ObjectReference | None, ...]]


def sources_of(head: RequestHead) -> tuple[ObjectReference, ...]:
    """The objects that a head names as what is to be copied, in every spelling that some store reads."""
    found: list[ObjectReference | None] = []
    for name, read in _FIELDS.items():
        for value in head.fields.get_all(name):
            found += read(value, head.authority)
    for key, value in head.query.pairs:  # presigned requests may carry their fields in the query
        if (read_query := _FIELDS.get(fold_name(key))) is not None:
            found += read_query(value, head.authority)
    found += _of_path(head)
    return tuple(dict.fromkeys(reference for reference in found if reference is not None))


def target_of(head: RequestHead) -> ObjectReference:
    """The object that the request is about."""
    return ObjectReference.of_address(head.authority, head.path.text)


def _s3(value: str, authority: Authority) -> tuple[ObjectReference | None, ...]:
    """``bucket/key``, of AWS or of whoever speaks S3 at this address."""
    own = ObjectReference(Provider.HTTPS, str(authority), unquote(value.partition("?")[0]).lstrip("/"))
    return ObjectReference.of_copy_source(value), own


def _gcs(value: str, _authority: Authority) -> tuple[ObjectReference | None, ...]:
    return (ObjectReference.parse(f"gs://{unquote(value).lstrip('/')}"),)


def _address(value: str, _authority: Authority) -> tuple[ObjectReference | None, ...]:
    return (ObjectReference.parse(value),)


def _same_account(value: str, authority: Authority) -> tuple[ObjectReference | None, ...]:
    """``/container/path`` of the account that is called."""
    return (ObjectReference.of_address(authority, "/" + value.partition("?")[0].lstrip("/")),)


_FIELDS: Final[Mapping[str, _Reader]] = {
    "x-amz-copy-source": _s3,
    "x-goog-copy-source": _gcs,
    "x-ms-copy-source": _address,
    "x-ms-rename-source": _same_account,
}


def _of_path(head: RequestHead) -> tuple[ObjectReference, ...]:
    """``/storage/v1/b/{bucket}/o/{object}/rewriteTo/…``: GCS names the source in the path."""
    segments, folded = head.path.segments, head.path.folded
    for at in range(len(folded) - 6):
        if folded[at] == "b" and folded[at + 2] == "o" and folded[at + 4] in _COPYING:
            return (ObjectReference(Provider.GCS, segments[at + 1], segments[at + 3]),)
    return ()


_COPYING: Final = frozenset({"rewriteto", "copyto"})
