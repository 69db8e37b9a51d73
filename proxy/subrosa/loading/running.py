"""Runs test cases: a raw head through the head check, the body through an inspection, whole and in pieces."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Protocol, override

from subrosa.content.messageframes import MessageFrames
from subrosa.content.reader import BodyReader
from subrosa.facts.body import KindFound, Want
from subrosa.facts.head import HeadError, RawHead, check_head
from subrosa.facts.hosts import Authority
from subrosa.facts.records import ClientFacts, ConnectFacts, RequestHead, TlsFacts
from subrosa.facts.references import ObjectReference
from subrosa.facts.stage import Stage
from subrosa.facts.unreadable import UnreadableError
from subrosa.loading.cases import Case, KindCase, Lines
from subrosa.loading.inputs import PolicyInputs
from subrosa.loading.policy import load
from subrosa.policy.guards import head_refusal
from subrosa.policy.inspection import Inspection
from subrosa.policy.messages import MessageStream
from subrosa.policy.policy import Policy, Profile
from subrosa.policy.sources import Source, Sources
from subrosa.policy.verdict import Reason, Verdict, refusal

PIECE = 7
"""Octets of a piece in the second run; small and odd, so that every boundary is cut somewhere."""

type PolicyFor = Callable[[Case], Policy]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a case failed, one sentence a difference."""

    case: str
    differences: tuple[str, ...]

    @override
    def __str__(self) -> str:
        """The case and its differences, one a line."""
        return "\n  ".join((self.case, *self.differences))


@dataclass(slots=True)
class Policies:
    """The policy for a case: the directories' own, under the case's profile, source, stores and facts."""

    inputs: PolicyInputs
    _by_profile: dict[Profile, Policy]

    def __init__(self, inputs: PolicyInputs) -> None:
        self.inputs = inputs
        self._by_profile = {}

    def __call__(self, case: Case) -> Policy:
        """Build each profile once, then adapt it."""
        if case.profile not in self._by_profile:
            inputs = replace(self.inputs, profile=case.profile, observe=False)
            self._by_profile[case.profile] = load(inputs, 0).policy
        return replace(
            self._by_profile[case.profile],
            sources=Sources((self._source(case),)),
            guarded=case.guarded,
            asserted=case.asserted,
        )

    def _source(self, case: Case) -> Source:
        for source in self.inputs.sources.named:
            if source.name == case.source:
                return Source(name=source.name, holds_content=source.holds_content)
        return Source(name=case.source, holds_content=case.source != "nothing")


def run_case(policy_for: PolicyFor, case: Case) -> Failure | None:
    """Run a case whole and in pieces; None when both say what it expects."""
    policy = policy_for(case)
    whole = verdict_of(policy, case)
    pieces = verdict_of(policy, case, PIECE)
    differences = list(_differences(case, whole))
    if _told(whole) != _told(pieces):
        differences.append(f"in pieces of {PIECE} octets: {_shown(pieces)}, but whole: {_shown(whole)}")
    return Failure(f"{case.file}:{case.line}: {case.name}", tuple(differences)) if differences else None


def verdict_of(policy: Policy, case: Case, piece: int = 0) -> Verdict:
    """The verdict on a case's request, its body fed whole or in pieces of so many octets."""
    inspection, verdict = inspect(policy, case)
    if inspection is None:
        return verdict
    verdict = read_body(inspection, case.body, piece)
    if case.messages and verdict.allows:
        stream = MessageStream(inspection)
        for message in case.messages:
            verdict = stream.message(message)
    return verdict


def read_body(inspection: Inspection, body: bytes, piece: int = 0) -> Verdict:
    """The verdict on a whole body, read in pieces of so many octets, and by message where it is framed so."""
    step = piece or len(body) or 1
    pieces = [body[at : at + step] for at in range(0, len(body), step)]
    if inspection.framing is None or not inspection.verdict.allows:
        for octets in pieces:
            inspection.data(octets)
        return inspection.end()
    stream, frames = MessageStream(inspection), MessageFrames(inspection.framing)
    try:
        for octets in pieces:
            for _, message in frames.feed(octets):
                stream.message(message)
        frames.end()
    except UnreadableError as error:
        inspection.refuse(refusal(Reason.UNREADABLE, "guard.unreadable", Stage.BODY, error.detail))
    return inspection.verdict


class Sent(Protocol):
    """What of a case is sent; `Case` is one, and so is any request that is to be judged without sending it."""

    @property
    def method(self) -> str:
        """The method."""

    @property
    def url(self) -> str:
        """The URL as sent."""

    @property
    def lines(self) -> Lines:
        """Header lines, without Host and framing where those are to be the usual ones."""

    @property
    def body(self) -> bytes:
        """The body's octets."""


def inspect(policy: Policy, case: Sent) -> tuple[Inspection | None, Verdict]:
    """An inspection that has taken the case's head, or None and the refusal of that head."""
    try:
        authority, raw = raw_head(case)
        head: RequestHead = check_head(raw)
    except HeadError as error:
        return None, head_refusal(error)
    except UnreadableError as error:
        return None, refusal(Reason.HEAD, "guard.head", Stage.HEAD, error.detail)
    client = ClientFacts(listener="explicit:8080", address=ip_address("127.0.0.1"))
    tls = TlsFacts(sni=raw.sni) if raw.tls else None
    inspection = Inspection(policy, ConnectFacts(client=client, target=authority if raw.tls else None), tls)
    return inspection, inspection.head(head)


def raw_head(case: Sent) -> tuple[Authority, RawHead]:
    """The case's head as a proxy reads it: through CONNECT and TLS for https, in absolute form for http."""
    scheme, _, rest = case.url.partition("://")
    named, slash, path = _split(rest)
    tls = scheme == "https"
    authority = Authority.parse(named, 443 if tls else 80)
    names = {name.lower() for name, _ in case.lines}
    lines = [(name.encode(), value.encode()) for name, value in case.lines]
    if "host" not in names:
        lines.insert(0, (b"Host", named.encode()))
    if (
        "content-length" not in names
        and "transfer-encoding" not in names
        and (case.body or case.method not in _BODILESS)
    ):
        lines.append((b"Content-Length", str(len(case.body)).encode()))
    return authority, RawHead(
        version="HTTP/1.1",
        method=case.method.encode(),
        target=(slash + path).encode() if tls else case.url.encode(),
        lines=lines,
        tunnel=authority if tls else None,
        tls=tls,
        sni=authority.host if tls and authority.host.address is None else None,
    )


_BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})


def _split(rest: str) -> tuple[str, str, str]:
    named, slash, path = rest.partition("/")
    return named, slash or "/", path


def _differences(case: Case, verdict: Verdict) -> Iterator[str]:
    expect = case.expect
    if verdict.outcome.value != expect.verdict:
        yield f"expected verdict {expect.verdict}, got {_shown(verdict)}"
    if expect.operation and verdict.operation != expect.operation:
        yield f"expected operation `{expect.operation}`, got `{verdict.operation or 'none'}`"
    if expect.rule and expect.rule not in verdict.rules:
        yield f"expected rule `{expect.rule}`, got {', '.join(f'`{rule}`' for rule in verdict.rules) or 'none'}"
    if expect.reason and verdict.reason.value != expect.reason:
        yield f"expected reason `{expect.reason}`, got `{verdict.reason.value}`"
    if expect.stage and verdict.stage.label != expect.stage:
        yield f"expected stage {expect.stage}, got {verdict.stage.label}"


def _told(verdict: Verdict) -> tuple[object, ...]:
    return verdict.outcome, verdict.reason, verdict.rules, verdict.operation, verdict.stage


def _shown(verdict: Verdict) -> str:
    rules = f" by {', '.join(verdict.rules)}" if verdict.rules else ""
    detail = f" ({verdict.detail})" if verdict.detail else ""
    return f"{verdict.outcome.value}{rules} at {verdict.stage.label}, reason {verdict.reason.value}{detail}"


def run_kind_case(policy: Policy, case: KindCase) -> Failure | None:
    """Ask the recognisers for a name and content; None when exactly the expected ones know it."""
    wanted = set(case.expect)
    found = {one.by for one in recognised(policy, case) if one.by in wanted or one.kind.value == case.kind}
    if found == wanted:
        return None
    missing = tuple(f"`{name}` does not recognise it" for name in sorted(wanted - found))
    extra = tuple(f"`{name}` recognises it too" for name in sorted(found - wanted))
    return Failure(f"{case.file}:{case.line}: {case.name}", (*missing, *extra))


def recognised(policy: Policy, case: KindCase) -> Iterator[KindFound]:
    """What the recognisers say of a case's name and content."""
    if case.filename:
        yield from policy.kinds.by_name(case.filename)
    if case.octets:
        yield from policy.kinds.by_prefix(case.octets)


def stored(policy: Policy, case: Case) -> str:
    """The first object in a store that a case's body names, or nothing."""
    label = next((value for name, value in case.lines if name.lower() == "content-type"), None)
    reader = BodyReader(label, (), Want(references=True), policy.tags, policy.kinds)
    reader.feed(case.body)
    reader.end()
    for text in reader.facts.references:
        reference = ObjectReference.parse(text)
        if reference is not None and reference.resolved and reference.key:
            return text
    return ""
