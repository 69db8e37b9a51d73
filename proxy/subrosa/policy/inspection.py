"""The inspection of one transfer: a sans-io state machine from facts and bytes to a verdict.

Feed it the head, then the body's octets as they come (transfer framing undone, content codings not), then the
end. After each step `verdict` says whether to stream, to refuse or to go on holding. Once decided it never
changes, and further octets cost nothing. Holds no clock and no I/O; one object a transfer.
"""

from dataclasses import replace

from subrosa.content.messageframes import Framing
from subrosa.content.quiet import MOST_QUIET, NOTHING
from subrosa.content.reader import BodyReader
from subrosa.facts.body import NO_BODY, Want, no_message_yet
from subrosa.facts.copies import sources_of, target_of
from subrosa.facts.fields import Fields
from subrosa.facts.paths import Query
from subrosa.facts.records import ConnectFacts, RequestHead, TlsFacts
from subrosa.facts.sessions import SessionFacts, SessionKey
from subrosa.facts.stage import Stage
from subrosa.policy.beginnings import Beginning
from subrosa.policy.decide import decide
from subrosa.policy.plans import Plan
from subrosa.policy.policy import Policy
from subrosa.policy.sources import Source
from subrosa.policy.subject import Subject
from subrosa.policy.uploads import keys_named, of_upload
from subrosa.policy.verdict import Outcome, Reason, Verdict


class Inspection:
    """One transfer under one generation of the policy."""

    __slots__ = (
        "_before", "_begun", "_missing", "_pieces", "_plan", "_reader", "framing", "policy", "subject", "verdict",
    )  # fmt: skip

    def __init__(self, policy: Policy, connect: ConnectFacts, tls: TlsFacts | None = None) -> None:
        self.policy = policy
        self.verdict = _UNDECIDED
        self._plan: Plan | None = None
        self._begun: Beginning | None = None
        self._reader: BodyReader | None = None
        self._pieces: list[bytes] | None = None
        """The octets of a body that is looked at once it is whole."""
        self._missing = 0
        self._before: Verdict | None = None
        """What was decided of the very same head with nothing in its body."""
        self.framing: Framing | None = None
        """How the body is cut into messages, where each must be judged by itself; see `messages.py`."""
        self.subject = Subject(
            connect=connect,
            tls=tls,
            source=policy.sources.find(connect.client),
            tag_table=policy.tags,
            guarded=policy.guarded,
            asserted=policy.asserted,
        )

    @classmethod
    def like(cls, other: "Inspection") -> "Inspection":
        """The inspection of a transfer with the very same head as one that is `quiet`, from the same client.

        Its head is decided as that one's was: undecided. So is its body, if nothing is in it either.
        """
        head, plan, made = other.subject.head, other._plan, object.__new__(cls)  # noqa: SLF001 - its own kind
        made.policy, made.subject, made.framing = other.policy, other.subject, None
        made.verdict, made._before = _UNDECIDED, other.verdict
        made._plan, made._reader = plan, None
        made._begun = plan.beginnings.find(head.fields) if plan is not None and head is not None else None
        made._pieces, made._missing = [], (head.length if head is not None else None) or 0
        return made

    @property
    def quiet(self) -> bool:
        """Whether its body was looked at once it was whole, there was nothing in it, and that decided."""
        return self.subject.body is NOTHING and self.verdict.stage is Stage.END

    @property
    def repeats(self) -> bool:
        """Whether it ended as the one that it is `like`."""
        return self._before is not None and self.verdict is self._before

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
        self._take(head)
        return keys_named(self.subject) if of_upload(self.subject) else None

    def head(self, head: RequestHead, opened: SessionFacts | None = None) -> Verdict:
        """Take the checked head, and what the opening of its upload said; decides where the body cannot matter."""
        policy, subject = self.policy, self.subject
        plan = self._plan if self._plan is not None and subject.head is head else self._take(head)
        tags, fault = policy.tags.head_tags(head.fields, head.query)
        subject.head_tags, subject.head_tag_fault = tuple(tags), fault
        if opened is not None:
            found = map(policy.operation, opened.operations)
            subject.opened, subject.opened_by = opened, tuple(one for one in found if one is not None)
            subject.head_tags = (*opened.tags, *subject.head_tags)
        if policy.guarded.stores:
            subject.head_references = sources_of(head)
            if any(operation.late for operation in plan.standing.operations):
                subject.head_references += (target_of(head),)
        subject.head_kinds = policy.kinds.by_name(_name(head))
        if head.upgrade is not None:
            return self._by_message()
        if not head.has_body:
            subject.body = NO_BODY
            return self._judge(Stage.END, told=Stage.HEAD)
        begun = plan.beginnings.find(head.fields)
        if begun.framing is not None:
            return self._by_message(begun.framing)
        subject.body = begun.facts
        if not self._judge(Stage.HEAD).decided and begun.open:
            self._begun = begun
            if begun.quiet is not None and head.length is not None and head.length <= MOST_QUIET:
                self._pieces, self._missing = [], head.length
        return self.verdict

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
        if self._pieces is not None:
            self._pieces.append(octets)
            self._missing -= len(octets)
            if self._missing >= 0:
                return self.verdict
            self._part()  # it is longer than its head says
            octets = self._whole()
        if not self.verdict.decided and (reader := self._open()) is not None:
            reader.feed(octets)
        return self.verdict

    def trailers(self, fields: Fields) -> Verdict:
        """Take trailer fields: a tag in them counts like one in the head."""
        self._part()
        if self._pieces is not None:
            self.data(self._whole())
        tags, fault = self.policy.tags.head_tags(fields, _NO_QUERY)
        self.subject.head_tags += tuple(tags)
        self.subject.head_tag_fault = self.subject.head_tag_fault or fault
        return self.verdict if self.verdict.decided else self._judge(Stage.BODY)

    def end(self) -> Verdict:
        """The body is complete: every fact is settled, so the verdict is too."""
        self._look()
        if not self.verdict.decided and (reader := self._open()) is not None:
            reader.end()
        if not self.verdict.decided:
            self._judge(Stage.END)
        return self.verdict

    def refuse(self, verdict: Verdict) -> Verdict:
        """End the transfer with a guard's refusal, whatever the rules would have said."""
        self._part()
        self.verdict = verdict
        self._reader = self._begun = self._pieces = None
        return verdict

    def want(self) -> Want:
        """What the rules may still need of a body, or of a message."""
        return self._plan.want if self._plan is not None else Want()

    def judge(self, stage: Stage, *, told: Stage | None = None) -> Verdict:
        """Decide by what is known now."""
        if self._plan is None:
            return Verdict(outcome=Outcome.UNDECIDED, stage=told or stage)
        return decide(self.policy, self._plan, self.subject, stage, told)

    def _judge(self, stage: Stage, *, told: Stage | None = None) -> Verdict:
        verdict = self.judge(stage, told=told)
        if verdict.decided:
            self._reader = self._begun = self._pieces = None
        self.verdict = verdict
        return verdict

    def _take(self, head: RequestHead) -> Plan:
        plan = self._plan = self.policy.plan(head)
        subject = self.subject
        subject.head, subject.standing, subject.declared = head, plan.standing, plan.declared
        subject.renew()
        return plan

    def _look(self) -> None:
        """Look at a body that is whole now; one that is not quiet is read after all, as if its octets came only now."""
        begun, head = self._begun, self.subject.head
        if self._pieces is None or begun is None or begun.quiet is None or head is None:
            return
        body = self._whole()
        facts = begun.quiet.facts(body, _name(head))
        if facts is None:
            self._part()
            self.data(body)
        elif self._before is not None:
            self.verdict, self._begun = self._before, None
        else:
            self.subject.body, self._begun = facts, None

    def _part(self) -> None:
        """Judge the head by itself after all, where this may not end as what it is `like`."""
        if self._before is not None and not self.verdict.decided and self.subject.head is not None:
            fresh = Inspection(self.policy, self.subject.connect, self.subject.tls)
            fresh.head(self.subject.head)
            self.subject, self._begun, self._before = fresh.subject, fresh._begun, None

    def _whole(self) -> bytes:
        pieces, self._pieces = self._pieces or [], None
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _open(self) -> BodyReader | None:
        """The reader of the body, made when its first octets come: most bodies need none."""
        begun, plan, head = self._begun, self._plan, self.subject.head
        if begun is not None and plan is not None and head is not None:
            self._begun = None
            self._reader = plan.beginnings.reader(begun, _name(head), self._is_enough)
            self.subject.body = self._reader.facts
        return self._reader

    def _is_enough(self) -> bool:
        return self._judge(Stage.BODY).decided


def _name(head: RequestHead) -> str:
    """What a store will call the body."""
    return "/".join(head.path.segments)


_UNDECIDED = Verdict(outcome=Outcome.UNDECIDED)
_NO_QUERY = Query.parse(None)
