"""The inspection of one transfer: a sans-io state machine from facts and bytes to a verdict.

Feed it the head, then the body's octets as they come (transfer framing undone, content codings not), then the
end. After each step `verdict` says whether to stream, to refuse or to go on holding. Once decided it never
changes, and further octets cost nothing. Holds no clock and no I/O; one object a transfer.
"""

from dataclasses import replace

from subrosa.content.labels import Doubt
from subrosa.content.messageframes import Framing
from subrosa.content.reader import BodyReader
from subrosa.facts.body import NO_BODY, Want, no_message_yet, unreadable_body
from subrosa.facts.copies import sources_of, target_of
from subrosa.facts.fields import Fields, parse_codings
from subrosa.facts.paths import Query
from subrosa.facts.records import ConnectFacts, RequestHead, TlsFacts, TransferFacts
from subrosa.facts.sessions import SessionFacts, SessionKey
from subrosa.facts.stage import Stage
from subrosa.facts.ternary import Ternary
from subrosa.facts.unreadable import UnreadableError
from subrosa.policy.decide import decide
from subrosa.policy.index import TARGET
from subrosa.policy.operations import Claim, wanted_places
from subrosa.policy.policy import Policy
from subrosa.policy.purposes import Carries
from subrosa.policy.sources import Source
from subrosa.policy.subject import NOTHING_READ, Subject
from subrosa.policy.uploads import keys_named, of_upload
from subrosa.policy.verdict import Outcome, Reason, Verdict


class Inspection:
    """One transfer under one generation of the policy."""

    __slots__ = ("_reader", "framing", "policy", "subject", "verdict")

    def __init__(self, policy: Policy, connect: ConnectFacts, tls: TlsFacts | None = None) -> None:
        self.policy = policy
        self.verdict = Verdict(outcome=Outcome.UNDECIDED)
        self._reader: BodyReader | None = None
        self.framing: Framing | None = None
        """How the body is cut into messages, where each must be judged by itself; see `messages.py`."""
        self.subject = Subject(
            facts=TransferFacts(connect=connect, tls=tls),
            source=policy.sources.find(connect.client),
            tag_table=policy.tags,
            guarded=policy.guarded,
            asserted=policy.asserted,
        )

    @property
    def source(self) -> Source:
        """Who sends."""
        return self.subject.source

    @property
    def wants_body(self) -> bool:
        """Whether octets of the body are still needed for the verdict."""
        return not self.verdict.decided

    def names(self, head: RequestHead) -> tuple[SessionKey, ...] | None:
        """The uploads that a head may go on with; None where it has to do with none. Asked before `head`, if at all.

        Raises:
            SessionsError: for more uploads than a request can mean.
        """
        self._claim(head)
        return keys_named(self.subject) if of_upload(self.subject) else None

    def head(self, head: RequestHead, opened: SessionFacts | None = None) -> Verdict:
        """Take the checked head, and what the opening of its upload said; decides where the body cannot matter."""
        policy, subject = self.policy, self.subject
        if subject.facts.head is not head:
            self._claim(head)
        tags, fault = policy.tags.head_tags(head.fields, head.query)
        subject.head_tags, subject.head_tag_fault = tuple(tags), fault
        if opened is not None:
            found = map(policy.operation, opened.operations)
            subject.opened, subject.opened_by = opened, tuple(one for one in found if one is not None)
            subject.head_tags = (*opened.tags, *subject.head_tags)
        if policy.guarded.stores:
            subject.head_references = sources_of(head)
            if any(claim.operation.late for claim in subject.claims):
                subject.head_references += (target_of(head),)
        name = "/".join(head.path.segments)
        subject.head_kinds = tuple(policy.kinds.by_name(name)) if name else ()
        declared = policy.declared.get(head.authority.host)
        subject.declared = next((entry.purpose for entry in declared if entry.purpose), "")
        if head.upgrade is not None:
            return self._by_message()
        if head.has_body and (framing := _framing(head)) is not None:
            return self._by_message(framing)
        if head.has_body:
            self._open_body(head, name)
        else:
            subject.body = NO_BODY
        return self._judge(Stage.HEAD if head.has_body else Stage.END, told=Stage.HEAD)

    def _by_message(self, framing: Framing | None = None) -> Verdict:
        """The head of a message stream; what only messages can settle lets the head pass (`messages.py`)."""
        self.subject.body = no_message_yet(framed=framing is not None, json=framing is None or framing.json)
        verdict = self._judge(Stage.HEAD)
        if not verdict.decided:
            self.framing = framing
            self.verdict = replace(verdict, outcome=Outcome.ALLOW, reason=Reason.ALLOWED)
        return self.verdict

    def data(self, octets: bytes) -> Verdict:
        """Take octets of the body, any number of them; judged where the reader asks, however they were cut."""
        if not self.verdict.decided and self._reader is not None:
            self._reader.feed(octets)
        return self.verdict

    def trailers(self, fields: Fields) -> Verdict:
        """Take trailer fields: a tag in them counts like one in the head."""
        tags, fault = self.policy.tags.head_tags(fields, _NO_QUERY)
        self.subject.head_tags += tuple(tags)
        self.subject.head_tag_fault = self.subject.head_tag_fault or fault
        return self.verdict if self.verdict.decided else self._judge(Stage.BODY)

    def end(self) -> Verdict:
        """The body is complete: every fact is settled, so the verdict is too."""
        if not self.verdict.decided and self._reader is not None:
            self._reader.end()
        if not self.verdict.decided:
            self._judge(Stage.END)
        return self.verdict

    def refuse(self, verdict: Verdict) -> Verdict:
        """End the transfer with a guard's refusal, whatever the rules would have said."""
        self.verdict = verdict
        self._reader = None
        return verdict

    def _claim(self, head: RequestHead) -> None:
        known, host = self.subject.facts, head.authority.host
        self.subject.facts = TransferFacts(
            connect=known.connect, tls=known.tls, head=head, asserted=known.asserted
        )
        targets = head.fields.get_all(TARGET)
        self.subject.claim(self.policy.index.claims(host, head.method, head.path, targets))

    def _judge(self, stage: Stage, *, told: Stage | None = None) -> Verdict:
        verdict = decide(self.policy, self.subject, stage, told)
        if verdict.decided:
            self._reader = None
        self.verdict = verdict
        return verdict

    def _open_body(self, head: RequestHead, name: str) -> None:
        try:
            label = head.fields.one("content-type")
            codings = parse_codings(head.fields.get_all("content-encoding"))
        except UnreadableError as fault:
            self.subject.body = unreadable_body(fault)
            return
        claims = self.subject.claims
        is_object = _is_object(head, claims)
        want = self.want()
        self._reader = BodyReader(
            label,
            codings,
            want,
            self.policy.tags,
            self.policy.kinds,
            self.policy.limits,
            object_name=name,
            object_body=is_object,
            doubt=_doubt(claims, want),
            enough=lambda: self._judge(Stage.BODY).decided,
        )
        self.subject.body = self._reader.facts

    def want(self) -> Want:
        """What the rules may still need of a body, or of a message."""
        claims = self.subject.claims
        places = wanted_places(claims)
        return Want(
            form=frozenset(name for place, name in places if place == "form"),
            json=frozenset(name for place, name in places if place == "json"),
            document=("document", "") in places,
            tags=True,
            kinds=True,  # no rule may need them, but the record tells them
            shapes=self.policy.needs_shape or any(claim.operation.hints for claim in claims),
            references=any(claim.operation.carries is Carries.REFERENCE for claim in claims),
        )


def _framing(head: RequestHead) -> Framing | None:
    """How gRPC and its kin cut the body; None where the head does not say it in one way, and for other bodies."""
    try:
        return Framing.of(head.fields)
    except UnreadableError:
        return None


def _doubt(claims: tuple[Claim, ...], want: Want) -> Doubt:
    """Which labels are not believed: none where nobody reads a form, all where a form is at stake on any host."""
    if not claims:
        return Doubt.NONE
    fields = want.form or want.json
    return Doubt.ALL if fields and all(claim.anywhere for claim in claims) else Doubt.UNLESS_MEDIA


def _is_object(head: RequestHead, claims: tuple[Claim, ...]) -> bool:
    """Whether the head settles on an operation that stores its body; where a field of the body may decide, not."""
    if not claims or not claims[0].operation.object_body:
        return False
    return claims[0].test(head, NOTHING_READ) is Ternary.TRUE


_NO_QUERY = Query.parse(None)
