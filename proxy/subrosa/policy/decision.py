"""The record of one decision, as metrics, log lines and evidence all tell it; plain data, built from an inspection.

Ids and times are the gateway's, redaction is the effects'.
"""

from dataclasses import dataclass, field
from urllib.parse import quote

from subrosa.facts.paths import Query
from subrosa.facts.ternary import Ternary
from subrosa.policy.inspection import Inspection
from subrosa.policy.verdict import Verdict


@dataclass(kw_only=True)
class Decision:
    """Who, what, where to, and why; everything but ``verdict`` is a fact, and none is changed.

    Not frozen, for that makes a call of each of its fields, one decision after the other.

    ``path`` is canonical and ``query`` is its pairs, encoded again so that it reads back as the same pairs;
    neither is redacted yet. ``tags`` are
    (carrier, key, value). ``declared_length`` is the Content-Length in octets, -1 where none was given.
    """

    id: str
    verdict: Verdict
    generation: int
    digest: str
    profile: str
    enforcing: bool
    customer_content: bool
    source: str
    client: str
    listener: str
    user: str
    subject: str
    transport: str
    method: str
    scheme: str
    host: str
    port: int
    path: str
    query: str
    content_type: str
    declared_length: int
    kinds: tuple[str, ...]
    recognisers: tuple[str, ...]
    shapes: tuple[str, ...]
    tags: tuple[tuple[str, str, str], ...]
    checksums: tuple[tuple[str, str], ...]
    shared: dict[object, object] = field(default_factory=dict, init=False, compare=False, repr=False)
    """What those who tell it made of all but the id: shared with the decisions that are equal but for that."""

    def again(self, decision_id: str) -> "Decision":
        """The same decision, taken once more."""
        made = object.__new__(Decision)
        made.__dict__.update(self.__dict__)  # without slots for this: one call instead of thirty
        made.__dict__["id"] = decision_id
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferOutcome:
    """What became of a transfer after its decision; sizes in octets of body.

    ``upstream_status`` is 0 where nothing came back. ``aborted`` says who ended it early: ``client``,
    ``upstream``, ``gateway`` or empty. ``refused`` is the reason for which an allowed transfer was refused after all
    (its address, its upstream, a later message, an error inside) and ``rule`` the rule that did it, else both are
    empty. ``sha256`` is hex, of held and blocked content, else empty. ``seconds`` runs from the head to the end.
    """

    id: str
    sent: int = 0
    received: int = 0
    discarded: int = 0
    upstream_status: int = 0
    aborted: str = ""
    refused: str = ""
    rule: str = ""
    late: bool = False
    sha256: str = ""
    seconds: float = 0.0


class EvidenceError(OSError):
    """A decision could not be made durable."""


_PREFIX = b"x-amz-checksum-"
_CHECKSUMS = ("content-md5", "content-digest", "repr-digest", "digest", "x-amz-content-sha256", "x-goog-hash")
_NAMED = frozenset(name.encode() for name in _CHECKSUMS)


def decision_of(inspection: Inspection, decision_id: str, transport: str) -> Decision:
    """The record of an inspection's verdict; holds whether or not a head was ever read."""
    subject, policy = inspection.subject, inspection.policy
    head, client, target = subject.head, subject.connect.client, subject.connect.target
    authority = head.authority if head is not None else target
    lines = head.fields if head is not None else None
    found = (*subject.head_kinds, *subject.body.kinds)
    return Decision(
        id=decision_id,
        verdict=inspection.verdict,
        generation=policy.generation,
        digest=policy.digest,
        profile=policy.profile.value,
        enforcing=not policy.observe,
        customer_content=_presumed(inspection),
        source=subject.source.name,
        client=client.shown,
        listener=client.listener,
        user=client.user or "",
        subject=client.subject or "",
        transport=transport,
        method=head.method if head is not None else "CONNECT",
        scheme=head.scheme if head is not None else "",
        host=str(authority.host.name) if authority is not None else "",
        port=authority.port if authority is not None else 0,
        path=head.path.text if head is not None else "",
        query=_query(head.query) if head is not None else "",
        content_type=next(iter(lines.get_all("content-type")), "") if lines is not None else "",
        declared_length=-1 if head is None or head.length is None else head.length,
        kinds=tuple(kind.value for kind in subject.kinds()),
        recognisers=tuple(dict.fromkeys(kind.by for kind in found)),
        shapes=tuple(subject.body.shapes),
        tags=tuple((tag.carrier, tag.key, tag.value) for tag in subject.tags()),
        checksums=_checksums(inspection),
    )


def _presumed(inspection: Inspection) -> bool:
    """Customer content, or a name of it, or not certain that it is none."""
    subject = inspection.subject
    return subject.customer_content() is not Ternary.FALSE or subject.reference_guarded() is Ternary.TRUE


def _query(query: Query) -> str:
    return "&".join([f"{quote(name, safe=_KEPT)}={quote(value, safe=_KEPT)}" for name, value in query.pairs])


_KEPT = "/:,~*$@!()'[]"


def _checksums(inspection: Inspection) -> tuple[tuple[str, str], ...]:
    head = inspection.subject.head
    if head is None:
        return ()
    index = head.fields.index
    if _NAMED.isdisjoint(index) and _PREFIX not in b" ".join(index):
        return ()
    named = ((name, value) for name in _CHECKSUMS for value in head.fields.get_all(name))
    return (*named, *head.fields.with_prefix(_PREFIX.decode()))
