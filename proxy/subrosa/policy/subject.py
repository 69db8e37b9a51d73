"""One transfer as rules see it: its facts so far, and the derived facts in three-valued logic."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from subrosa.facts.body import NO_BODY, BodyFacts, Form, Kind, KindFound
from subrosa.facts.records import RequestHead, TransferFacts
from subrosa.facts.references import GuardedStores, ObjectReference
from subrosa.facts.sessions import NOTHING_SAID, SessionFacts
from subrosa.facts.tags import Tag, TagMeaning, TagTable
from subrosa.facts.ternary import Ternary, disjunction, negate, truth
from subrosa.facts.unreadable import Ambiguity, UnreadableError
from subrosa.policy.operations import Claim, Operation, Tenant
from subrosa.policy.purposes import TRAINING, Carries
from subrosa.policy.sources import Source

_STAND_FOR_ALL = 2


@dataclass(slots=True)
class _Weighed:
    """What was made of so many tags of the head and of the body; of tags with one bearing two stand for all."""

    head: int = 0
    body: int = 0
    meanings: frozenset[TagMeaning] = frozenset()
    telling: dict[frozenset[str], list[Tag]] = field(default_factory=dict)

    def add(self, table: TagTable, tags: Iterable[Tag]) -> None:
        """Read more tags."""
        more = False
        for tag in tags:
            bearing = table.bearing(tag)
            known = self.telling.setdefault(bearing, []) if bearing else None
            if known is not None and len(known) < _STAND_FOR_ALL:
                known.append(tag)
                more = True
        if more:
            self.meanings = table.meanings(tag for known in self.telling.values() for tag in known)


@dataclass(slots=True)
class Subject:
    """Facts of one transfer; ``claims`` and ``head_tags`` are filled when the head is known.

    ``claims`` are those that the head leaves possible, ``known`` all that the index gave.
    """

    facts: TransferFacts
    source: Source
    tag_table: TagTable
    guarded: GuardedStores
    asserted: frozenset[str] = frozenset()
    claims: tuple[Claim, ...] = ()
    known: tuple[Claim, ...] = ()
    head_tags: tuple[Tag, ...] = ()
    head_tag_fault: Ambiguity | None = None
    head_kinds: tuple[KindFound, ...] = ()
    head_references: tuple[ObjectReference, ...] = ()
    """The stored objects that the head names."""
    body: BodyFacts = field(default_factory=lambda: NO_BODY)
    opened: SessionFacts = NOTHING_SAID
    """What the opening of the upload said that this request goes on with; its tags are among ``head_tags``."""
    opened_by: tuple[Operation, ...] = ()
    """The training operations that opened it."""
    declared: str = ""
    """The purpose that the settings declare for this host, or empty."""
    asserted_used: set[str] = field(default_factory=set)
    answers: dict[str, Ternary] = field(default_factory=dict)
    """What the conditions' facts were found to be; made anew for each decision."""
    _weighed: _Weighed = field(default_factory=_Weighed)

    # --- what a rule may ask -------------------------------------------------------------------------------

    def customer_content(self) -> Ternary:
        """Whether the transfer carries meeting content: source, tag, mark, kind or a guarded store says so."""
        if self.facts.head is None:
            return Ternary.UNKNOWN
        if self._is_marked() or self._names_guarded(self.head_references):
            return Ternary.TRUE
        if self.source.holds_content:
            return truth(TagMeaning.TRAINING in self.meanings() or self._sends_something())
        if self.body.unreadable is not None:
            return Ternary.UNREADABLE
        closed = self.body.tags_closed and self.body.kinds_closed
        return disjunction((Ternary.FALSE if closed else Ternary.UNKNOWN, self._refers()))

    def _is_marked(self) -> bool:
        """Whether a tag, a kind or the opening of the upload says that it is meeting content."""
        kinds = (*self.head_kinds, *self.body.kinds)
        marked = self.opened.content or bool(self.body.marks) or any(kind.meeting for kind in kinds)
        return marked or bool(self.meanings() & _SAYS_CONTENT)

    def _names_guarded(self, references: Iterable[ObjectReference | None]) -> bool:
        if not self.guarded.stores:
            return False
        return any(one is not None and self.guarded.covers(one) for one in references)

    def _refers(self) -> Ternary:
        """Whether the body names a guarded store, for an operation that copies; one that trains has its own rule."""
        body = self.body
        if not self.guarded.stores or body.form in (Form.OPAQUE, Form.NONE) or not self._carries_references():
            return Ternary.FALSE
        training = self.training()
        if training is not Ternary.FALSE:
            return Ternary.FALSE if training is Ternary.TRUE else training
        if self._names_guarded(map(ObjectReference.parse, body.references)):
            return Ternary.TRUE
        if "references" in body.ambiguous:
            return Ternary.UNREADABLE
        return Ternary.FALSE if body.closed else Ternary.UNKNOWN

    def _carries_references(self) -> bool:
        head = self.facts.head
        return head is not None and any(
            claim.operation.carries is Carries.REFERENCE and claim.test(head, self.body) is not Ternary.FALSE
            for claim in self.claims
        )

    def _sends_something(self) -> bool:
        head = self.facts.head
        if head is None or head.has_body or head.upgrade:
            return True
        return any(
            claim.operation.carries in _CARRIED and claim.test(head, self.body) is not Ternary.FALSE
            for claim in self.claims
        )

    def training(self) -> Ternary:
        """Whether a training operation, claimed `definite` or `likely`, is what the request does or goes on with."""
        if any(operation.trains and not operation.by_default for operation in self.opened_by):
            return Ternary.TRUE
        return self.claimed(lambda operation: operation.trains and not operation.by_default)

    def signal(self) -> Ternary:
        """Whether an operation that only hints at training is what the request does or goes on with."""
        if any(operation.hints for operation in self.opened_by):
            return Ternary.TRUE
        return self.claimed(lambda operation: operation.hints)

    def vendor_default(self) -> Ternary:
        """Whether the operation trains unless opted out, and the opt-out is not given."""
        head = self.facts.head
        if head is None:
            return Ternary.UNKNOWN
        return self.claimed(
            lambda operation: operation.by_default, lambda operation: negate(self.opted_out(operation))
        )

    def opted_out(self, operation: Operation) -> Ternary:
        """Whether the operation's opt-out is given in the request or asserted in the settings."""
        head, unless = self.facts.head, operation.unless
        if head is None or unless is None:
            return Ternary.UNKNOWN
        given = disjunction(match.test(head, self.body) for match in unless.fields)
        if given is not Ternary.TRUE and unless.tenant is not None:
            given = disjunction((given, self._is_ours(unless.tenant, head)))
        if given is not Ternary.TRUE and unless.assertion in self.asserted:
            self.asserted_used.add(unless.assertion)
            return Ternary.TRUE
        return given

    def _is_ours(self, tenant: Tenant, head: RequestHead) -> Ternary:
        """Whether a header names accounts, and only such as the settings say are ours."""
        try:
            named = tenant.named(head)
        except UnreadableError:
            return Ternary.UNREADABLE
        if not named or not self.asserted.issuperset(named):
            return Ternary.FALSE
        self.asserted_used.update(named)
        return Ternary.TRUE

    def tag(self, meaning: TagMeaning) -> Ternary:
        """Whether some tag has this meaning; a tag fact is settled when no carrier is left to read."""
        if self.facts.head is None:
            return Ternary.UNKNOWN
        protects = meaning is TagMeaning.PROTECTED
        if meaning in self.meanings() or (protects and self.body.marks):
            return Ternary.TRUE
        if self.head_tag_fault is not None or self.opened.unreadable or self._body_tags_unreadable():
            return Ternary.UNREADABLE
        closed = self.body.tags_closed and (self.body.kinds_closed or not protects)
        return Ternary.FALSE if closed else Ternary.UNKNOWN

    def opaque(self) -> Ternary:
        """Whether the octets show nothing: the client encrypted them, says so, or nobody knows their container."""
        head = self.facts.head
        if head is None:
            return Ternary.UNKNOWN
        if self.body.opaque or any(head.fields.get_all(name) for name in _CLIENT_ENCRYPTION):
            return Ternary.TRUE
        if self.body.unreadable is not None:
            return Ternary.UNREADABLE
        return Ternary.FALSE if self.body.kinds_closed else Ternary.UNKNOWN

    def _body_tags_unreadable(self) -> bool:
        """An opaque body carries no tags whatever its coding; any other that cannot be read might."""
        if "tags" in self.body.ambiguous:
            return True
        return self.body.unreadable is not None and self.body.form is not Form.OPAQUE

    def shape(self) -> Ternary:
        """Whether the body has the shape of a training data set."""
        if self.body.shapes:
            return Ternary.TRUE
        if self.body.unreadable is not None:
            return Ternary.UNREADABLE
        return Ternary.FALSE if self.body.shapes_closed else Ternary.UNKNOWN

    def reference_guarded(self) -> Ternary:
        """Whether the request names an object in a guarded store."""
        if self._names_guarded((*self.head_references, *map(ObjectReference.parse, self.body.references))):
            return Ternary.TRUE
        if self.body.unreadable is not None or "references" in self.body.ambiguous:
            return Ternary.UNREADABLE
        return Ternary.FALSE if self.body.closed else Ternary.UNKNOWN

    def reference_unresolved(self) -> Ternary:
        """Whether a source that holds content names something whose content cannot be known."""
        if not self.source.holds_content:
            return Ternary.FALSE
        return self.claimed(lambda operation: operation.carries is Carries.REFERENCE)

    def claim(self, known: tuple[Claim, ...]) -> None:
        """Take the claims on the head; what it already contradicts can never match again, so it is asked once."""
        head = self.facts.head
        self.known = known
        self.claims = known
        if head is not None and any(claim.pattern.discriminates for claim in known):
            self.claims = tuple(
                claim for claim in known if claim.test(head, NOTHING_READ) is not Ternary.FALSE
            )

    # --- how claims are judged -----------------------------------------------------------------------------

    def claimed(
        self,
        wanted: Callable[[Operation], bool],
        extra: Callable[[Operation], Ternary] | None = None,
        *,
        claims: tuple[Claim, ...] | None = None,
    ) -> Ternary:
        """Whether an operation for which ``wanted`` holds is the most specific claim that matches.

        Claims are walked from the most specific rank down; a rank with a match ends the walk. ``extra`` is a
        further condition on the matching operation itself; ``claims`` are some of the subject's, all without it.
        """
        head = self.facts.head
        if head is None:
            return Ternary.UNKNOWN
        claims = self.claims if claims is None else claims
        if not any(wanted(claim.operation) for claim in claims):
            return Ternary.FALSE
        at, result = 0, Ternary.FALSE
        while at < len(claims):
            rank, settled, here = claims[at].rank, False, []
            open_others = False
            while at < len(claims) and claims[at].rank == rank:
                claim = claims[at]
                at += 1
                value = claim.test(head, self.body)
                settled = settled or value is Ternary.TRUE
                if not wanted(claim.operation):
                    open_others = open_others or value is Ternary.UNKNOWN
                elif extra is None or value is Ternary.FALSE:
                    here.append(value)
                else:
                    here.append(_both(value, extra(claim.operation)))
            found = disjunction(here)
            result = disjunction((result, found))
            if settled or result is Ternary.TRUE:
                return result
            if open_others or found is Ternary.UNKNOWN:
                return Ternary.UNKNOWN
        return result

    def operation(self) -> Operation | None:
        """The most specific operation that matches, or may still match; for records and refusals."""
        head = self.facts.head
        if head is None:
            return None
        open_claim = None
        for claim in self.claims:
            value = claim.test(head, self.body)
            if value is Ternary.TRUE:
                return claim.operation
            if value is not Ternary.FALSE and open_claim is None:
                open_claim = claim.operation
        return open_claim

    def training_operations(self) -> tuple[str, ...]:
        """The ids of the operations that make an upload one for training: this request's, and its opening's."""
        found = [operation.id for operation in self.opened_by]
        own = self.operation()
        if own is not None and own.purpose in TRAINING and not own.by_default:
            found.append(own.id)
        return tuple(sorted(set(found)))

    def tags(self) -> tuple[Tag, ...]:
        """All tags seen so far, head first."""
        return (*self.head_tags, *self.body.tags) if self.body.tags else self.head_tags

    def meanings(self) -> frozenset[TagMeaning]:
        """What the tags seen so far say; each is read once, however often this is asked."""
        head, body = len(self.head_tags), len(self.body.tags)
        if not head and not body:
            return _NO_MEANING
        weighed = self._weighed
        if head != weighed.head:
            weighed = self._weighed = _Weighed(head)
            weighed.add(self.tag_table, self.head_tags)
        if body != weighed.body:
            weighed.add(self.tag_table, self.body.tags[weighed.body :])
            weighed.body = body
        return weighed.meanings

    def kinds(self) -> tuple[Kind, ...]:
        """The content kinds found so far, each once."""
        return tuple(dict.fromkeys(found.kind for found in (*self.head_kinds, *self.body.kinds)))


def _both(first: Ternary, second: Ternary) -> Ternary:
    if Ternary.FALSE in (first, second):
        return Ternary.FALSE
    if Ternary.UNKNOWN in (first, second):
        return Ternary.UNKNOWN
    return max(first, second)


NOTHING_READ = BodyFacts()
"""A body of which nothing is known yet; only ever read."""
_CLIENT_ENCRYPTION = (
    "x-amz-meta-x-amz-key",
    "x-amz-meta-x-amz-key-v2",
    "x-ms-meta-encryptiondata",
)
"""Metadata of the S3 Encryption Client and of Azure's; what a server encrypts is open here."""
_NO_MEANING: frozenset[TagMeaning] = frozenset()
_SAYS_CONTENT = frozenset({TagMeaning.CONTENT, TagMeaning.PROTECTED})
_CARRIED = frozenset({Carries.REFERENCE, Carries.QUERY, Carries.TOKEN})
