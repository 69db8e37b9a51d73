"""Uploads made of several requests: which one a request names, what its opening leaves for the later ones, and its id.

Which claim is the most specific does not matter here: every operation that a request may be has its say, for what is
remembered only ever adds facts.
"""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlencode, urljoin, urlsplit

from subrosa.content.answers import decoded, json_values, xml_values
from subrosa.facts.fields import Fields, parse_codings
from subrosa.facts.hosts import Authority
from subrosa.facts.paths import Path, Query, fold_name
from subrosa.facts.records import RequestHead
from subrosa.facts.sessions import SessionFacts, SessionKey, SessionsError
from subrosa.facts.tagwords import TagMeaning
from subrosa.facts.ternary import Ternary
from subrosa.policy.index import segments_of
from subrosa.policy.operations import Claim, Yields
from subrosa.policy.subject import Subject

MOST_KEYS: Final = 32
"""Names of uploads in one request or answer; a query that says one thing in forty ways is no client's."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def of_upload(subject: Subject) -> bool:
    """Whether the request may open an upload, or go on with one."""
    return subject.standing.of_upload and any(True for _ in _possible(subject))


def keys_named(subject: Subject) -> tuple[SessionKey, ...]:
    """The names of the uploads that the request may go on with.

    Raises:
        SessionsError: for more of them than a request can mean.
    """
    head = subject.head
    if head is None:
        return ()
    return _bounded(key for claim in _possible(subject) for key in _named(claim, head))


def facts_to_keep(subject: Subject) -> SessionFacts | None:
    """What an opening that was allowed says of the upload; None where later requests lose nothing without it."""
    if not any(claim.operation.yields is not None for claim in _possible(subject)):
        return None
    tags = subject.tags()
    content = subject.customer_content() is Ternary.TRUE
    facts = SessionFacts(
        tags if subject.meanings() else (),
        content,
        subject.training_operations(),
        subject.tag(TagMeaning.TRAINING) is Ternary.UNREADABLE,
    )
    plain = subject.source.holds_content and facts == SessionFacts(content=True)
    return facts if facts and not plain else None


def keys_yielded(subject: Subject, fields: Fields, body: bytes) -> tuple[SessionKey, ...]:
    """The names of the upload in the answer to its opening, none where the answer has none.

    Raises:
        UnreadableError: for an answer that cannot be read.
        SessionsError: for more names than an opening can give.
    """
    head = subject.head
    if head is None:
        return ()
    return _bounded(
        key
        for claim in _possible(subject)
        if claim.operation.yields is not None
        for key in _yielded(claim.operation.yields, claim.operation.provider, head, fields, body)
    )


def _possible(subject: Subject) -> Iterator[Claim]:
    """The claims that the request matches, or may match."""
    head = subject.head
    for claim in subject.claims:
        operation = claim.operation
        if (operation.yields is not None or operation.continues is not None) and (
            head is None or claim.test(head, subject.body) is not Ternary.FALSE
        ):
            yield claim


def _bounded(keys: Iterator[SessionKey]) -> tuple[SessionKey, ...]:
    found: dict[SessionKey, None] = {}
    for key in keys:
        if key.id:
            found[key] = None
        if len(found) > MOST_KEYS:
            raise SessionsError("more uploads are named than one request can mean")
    return tuple(found)


def _named(claim: Claim, head: RequestHead) -> Iterator[SessionKey]:
    continues, provider = claim.operation.continues, claim.operation.provider
    if continues is None:
        return
    if continues.place == "url":
        yield from _of_address(head.authority, head.path, head.query, every=True)
        return
    found: tuple[str, ...]
    if continues.place == "query":
        found = tuple(value for name, value in head.query.pairs if fold_name(name) == continues.name)
    elif continues.place == "header":
        found = head.fields.get_all(continues.name)
    else:
        at = segments_of(claim.pattern.path).index(f"{{{continues.name}}}")
        found = tuple(part[at] for part in (head.path.segments, head.path.matching) if len(part) > at)
    yield from (SessionKey(provider, "id", value.strip()) for value in found)


def _yielded(
    yields: Yields, provider: str, head: RequestHead, fields: Fields, body: bytes
) -> Iterator[SessionKey]:
    if yields.place == "url":
        yield from _of_address(head.authority, head.path, _NO_QUERY, every=False)
        return
    if yields.place == "header":
        found = fields.get_all(yields.name)
    else:
        text = decoded(parse_codings(fields.get_all("content-encoding")), body)
        found = (json_values if yields.place == "json" else xml_values)(text, yields.name)
    for value in found:
        if not yields.url and not yields.parameter:
            yield SessionKey(provider, "id", value.strip())
            continue
        authority, path, query = _address(value.strip(), head)
        if yields.parameter:
            folded = fold_name(yields.parameter)
            yield from (
                SessionKey(provider, "id", one.strip())
                for name, one in query.pairs
                if fold_name(name) == folded
            )
        else:
            own = path.matching == head.path.matching
            yield from _of_address(authority, path, query if own else _NO_QUERY, every=False)


def _address(text: str, head: RequestHead) -> tuple[Authority, Path, Query]:
    """An address in an answer, relative to the request's; raises UnreadableError for what is none."""
    parts = urlsplit(urljoin(f"{head.scheme}://{head.authority}{head.path.text}", text))
    authority = Authority.parse(parts.netloc, _DEFAULT_PORTS.get(parts.scheme, 443))
    return authority, Path.parse(parts.path or "/"), Query.parse(parts.query)


def _of_address(authority: Authority, path: Path, query: Query, *, every: bool) -> Iterator[SessionKey]:
    """Host and path; where several uploads share these, the query tells them apart, so that ``every`` asks for both."""
    plain = f"{authority.host.name}/{'/'.join(path.matching)}"
    if every or not query.pairs:
        yield SessionKey("", "url", plain)
    if query.pairs:
        yield SessionKey("", "url", f"{plain}?{urlencode(sorted(query.pairs))}")


_NO_QUERY: Final = Query.parse(None)
