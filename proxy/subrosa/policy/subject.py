"""One transfer as rules see it: its facts so far, and the derived facts in three-valued logic."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from subrosa.facts.body import NO_BODY, BodyFacts, Form, Kind, KindFound
from subrosa.facts.records import ConnectFacts, RequestHead, TlsFacts, TransferFacts
from subrosa.facts.references import GuardedStores, ObjectReference
from subrosa.facts.sessions import NOTHING_SAID, SessionFacts
from subrosa.facts.tags import Tag, TagMeaning, TagTable
from subrosa.facts.ternary import Ternary, both, disjunction, either, negate, truth
from subrosa.facts.unreadable import Ambiguity, UnreadableError
from subrosa.policy.operations import Claim, Operation, Tenant, by_default, hints, trains
from subrosa.policy.purposes import TRAINING, Carries
from subrosa.policy.sources import Source
from subrosa.policy.standing import NO_CLAIMS, Standing

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
    """Facts of one transfer; ``standing`` and ``head_tags`` are filled when the head is known."""

    connect: ConnectFacts
    tls: TlsFacts | None
    source: Source
    tag_table: TagTable
    guarded: GuardedStores
    asserted: frozenset[str] = frozenset()
    head: RequestHead | None = None
    standing: Standing = NO_CLAIMS
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
    _values: tuple[Ternary, ...] | None = None
    _weighed: _Weighed | None = None

    @property
    def facts(self) -> TransferFacts:
        """All that is settled at the head."""
        return TransferFacts(connect=self.connect, tls=self.tls, head=self.head)

    @property
    def claims(self) -> tuple[Claim, ...]:
        """The claims that the head leaves possible, the most specific first."""
        return self.standing.claims

    def values(self) -> tuple[Ternary, ...]:
        """What each claim is, by what is known now; found once for each decision."""
        if self._values is None:
            self._values = (
                self.standing.values if self.head is None else self.standing.test(self.head, self.body)
            )
        return self._values

    def renew(self) -> None:
        """Forget what was found out for the last decision: facts have grown."""
        self.answers.clear()
        self._values = None

    # --- what a rule may ask -------------------------------------------------------------------------------

    def customer_content(self) -> Ternary:
        """Whether the transfer carries meeting content: source, tag, mark, kind or a guarded store says so."""
        if self.head is None:
            return Ternary.UNKNOWN
        if self._is_marked() or self._names_guarded(self.head_references):
            return Ternary.TRUE
        if self.source.holds_content:
            return truth(TagMeaning.TRAINING in self.meanings() or self._sends_something())
        if self.body.unreadable is not None:
            return Ternary.UNREADABLE
        closed = self.body.tags_closed and self.body.kinds_closed
        return either(Ternary.FALSE if closed else Ternary.UNKNOWN, self._refers())

    def _is_marked(self) -> bool:
        """Whether a tag, a kind or the opening of the upload says that it is meeting content."""
        if self.opened.content or self.body.marks or not _SAYS_CONTENT.isdisjoint(self.meanings()):
            return True
        kinds = (*self.head_kinds, *self.body.kinds)
        return any(kind.meeting for kind in kinds)

    def _names_guarded(self, references: Iterable[ObjectReference | None]) -> bool:
        if not self.guarded.stores:
            return False
        return any(one is not None and self.guarded.covers(one) for one in references)

    def _refers(self) -> Ternary:
        """Whether the body names a guarded store, for an operation that copies; one that trains has its own rule."""
        body = self.body
        if not self.guarded.stores or body.form in (Form.OPAQUE, Form.NONE) or not self._may(_COPIES):
            return Ternary.FALSE
        training = self.training()
        if training is not Ternary.FALSE:
            return Ternary.FALSE if training is Ternary.TRUE else training
        if self._names_guarded(map(ObjectReference.parse, body.references)):
            return Ternary.TRUE
        if "references" in body.ambiguous:
            return Ternary.UNREADABLE
        return Ternary.FALSE if body.closed else Ternary.UNKNOWN

    def _may(self, carries: frozenset[Carries | None]) -> bool:
        """Whether the request may be an operation that carries content in one of these ways."""
        return self.head is not None and any(
            claim.operation.carries in carries and value is not Ternary.FALSE
            for claim, value in zip(self.claims, self.values(), strict=True)
        )

    def _sends_something(self) -> bool:
        head = self.head
        return head is None or head.has_body or bool(head.upgrade) or self._may(_CARRIED)

    def training(self) -> Ternary:
        """Whether a training operation, claimed `definite` or `likely`, is what the request does or goes on with."""
        return Ternary.TRUE if any(map(trains, self.opened_by)) else self.claimed(trains)

    def signal(self) -> Ternary:
        """Whether an operation that only hints at training is what the request does or goes on with."""
        return Ternary.TRUE if any(map(hints, self.opened_by)) else self.claimed(hints)

    def vendor_default(self) -> Ternary:
        """Whether the operation trains unless opted out, and the opt-out is not given."""
        return self.claimed(by_default, lambda operation: negate(self.opted_out(operation)))

    def opted_out(self, operation: Operation) -> Ternary:
        """Whether the operation's opt-out is given in the request or asserted in the settings."""
        head, unless = self.head, operation.unless
        if head is None or unless is None:
            return Ternary.UNKNOWN
        given = disjunction(match.test(head, self.body) for match in unless.fields)
        if given is not Ternary.TRUE and unless.tenant is not None:
            given = either(given, self._is_ours(unless.tenant, head))
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
        if self.head is None:
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
        head = self.head
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

    # --- how claims are judged -----------------------------------------------------------------------------

    def claimed(
        self,
        wanted: Callable[[Operation], bool],
        extra: Callable[[Operation], Ternary] | None = None,
        *,
        named: bool = False,
    ) -> Ternary:
        """Whether an operation for which ``wanted`` holds is the most specific claim that matches.

        Claims are walked from the most specific rank down; a rank with a match ends the walk. ``extra`` is a
        further condition on the matching operation itself; ``named`` leaves claims on any host out.
        """
        if self.head is None:
            return Ternary.UNKNOWN
        operations = self.standing.operations
        if not any(map(wanted, operations)):
            return Ternary.FALSE
        values: Sequence[Ternary] = self.values()
        if named:
            values = [
                Ternary.FALSE if claim.anywhere else value
                for claim, value in zip(self.claims, values, strict=True)
            ]
        result = Ternary.FALSE
        for alike in self.standing.ranks:
            settled, open_others, found = False, False, Ternary.FALSE
            for at in alike:
                value = values[at]
                if value is Ternary.FALSE:
                    continue
                settled = settled or value is Ternary.TRUE
                if wanted(operations[at]):
                    found = either(found, value if extra is None else both(value, extra(operations[at])))
                else:
                    open_others = open_others or value is Ternary.UNKNOWN
            result = either(result, found)
            if settled or result is Ternary.TRUE:
                return result
            if open_others or found is Ternary.UNKNOWN:
                return Ternary.UNKNOWN
        return result

    def operation(self) -> Operation | None:
        """The most specific operation that matches, or may still match; for records and refusals."""
        open_operation = None
        for operation, value in zip(self.standing.operations, self.values(), strict=True):
            if value is Ternary.TRUE:
                return operation
            if value is not Ternary.FALSE and open_operation is None:
                open_operation = operation
        return open_operation

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
        if weighed is None or head != weighed.head:
            weighed = self._weighed = _Weighed(head)
            weighed.add(self.tag_table, self.head_tags)
        if body != weighed.body:
            weighed.add(self.tag_table, self.body.tags[weighed.body :])
            weighed.body = body
        return weighed.meanings

    def kinds(self) -> tuple[Kind, ...]:
        """The content kinds found so far, each once."""
        return tuple(dict.fromkeys(found.kind for found in (*self.head_kinds, *self.body.kinds)))


_CLIENT_ENCRYPTION = (
    "x-amz-meta-x-amz-key",
    "x-amz-meta-x-amz-key-v2",
    "x-ms-meta-encryptiondata",
)
"""Metadata of the S3 Encryption Client and of Azure's; what a server encrypts is open here."""
_NO_MEANING: frozenset[TagMeaning] = frozenset()
_SAYS_CONTENT = frozenset({TagMeaning.CONTENT, TagMeaning.PROTECTED})
_COPIES: frozenset[Carries | None] = frozenset({Carries.REFERENCE})
_CARRIED: frozenset[Carries | None] = frozenset({Carries.REFERENCE, Carries.QUERY, Carries.TOKEN})
