"""A stream of messages, judged one by one: of WebSocket after its upgrade, of gRPC in one call. Sans-io.

The unit of hold and verdict is the message. What earlier messages said stays known, so a statement cannot be spread
over several; a field that an operation asks for is due in the first message, and absent once that lacks it.
"""

from typing import Final

from subrosa.content.collect import Collector
from subrosa.content.labels import SNIFFED, sniff
from subrosa.content.protobuf import ProtobufScan
from subrosa.content.reader import BodyReader
from subrosa.facts.body import BodyFacts, Form
from subrosa.facts.references import ObjectReference
from subrosa.facts.stage import Stage
from subrosa.facts.tags import Tag
from subrosa.facts.unreadable import Ambiguity
from subrosa.policy.inspection import Inspection
from subrosa.policy.policy import Policy
from subrosa.policy.verdict import Verdict

MOST_VALUES: Final = 1000
"""Distinct values of one place over all messages."""

_ALIKE: Final = 2
"""Tags of one bearing that are kept: a second one may be the companion of the first."""


class MessageStream:
    """All messages that a client sends in one transfer; ``inspection`` has taken its head and allows it."""

    __slots__ = ("_bearings", "_facts", "_inspection", "_label", "_opaque", "verdict")

    def __init__(self, inspection: Inspection) -> None:
        self._inspection = inspection
        framing = inspection.framing
        self._opaque = framing is not None and not framing.json
        self._label = "application/json" if framing is not None and framing.json else None
        self._facts = BodyFacts(
            form=Form.OPAQUE if self._opaque else Form.JSON,
            closed=True,
            tags_closed=True,
            kinds_closed=True,
            shapes_closed=True,
        )
        self._bearings: dict[frozenset[str], int] = {}
        self.verdict = inspection.verdict

    @property
    def policy(self) -> Policy:
        """The generation that messages are judged by."""
        return self._inspection.policy

    def renew(self, inspection: Inspection) -> None:
        """Go on under another generation of the policy, whose inspection has taken the same head."""
        self._inspection = inspection
        self._bearings.clear()
        tags, self._facts.tags = self._facts.tags, []
        for tag in tags:
            self._take_tag(tag)
        self.verdict = inspection.verdict

    def message(self, octets: bytes) -> Verdict:
        """Judge one whole message; after a refusal nothing more is read."""
        if not self.verdict.allows:
            return self.verdict
        subject = self._inspection.subject
        self._take(octets, self._read(octets))
        subject.body = self._facts
        self.verdict = self._inspection.judge(Stage.END, told=Stage.BODY)
        self._inspection.verdict = self.verdict
        return self.verdict

    def _read(self, octets: bytes) -> BodyFacts:
        policy, want = self.policy, self._inspection.want()
        if self._opaque:
            found = BodyFacts(form=Form.OPAQUE)
            ProtobufScan(Collector(found, want, policy.tags), policy.kinds).read(octets)
            return found
        reader = BodyReader(self._label, (), want, policy.tags, policy.kinds, policy.limits)
        reader.feed(octets)
        reader.end()
        return reader.facts

    def _take(self, octets: bytes, found: BodyFacts) -> None:
        """Add what one message says; bounded, however many come."""
        facts = self._facts
        for place, values in found.json.items():
            self._take_values(place, values)
        facts.given |= found.given
        for tag in found.tags:
            self._take_tag(tag)
        facts.kinds.extend(kind for kind in found.kinds if kind not in facts.kinds)
        facts.marks.extend(mark for mark in found.marks if mark not in facts.marks)
        facts.opaque = facts.opaque or found.opaque
        facts.shapes.extend(shape for shape in found.shapes if shape not in facts.shapes)
        if not facts.references:
            facts.references.extend(text for text in found.references if self._guarded(text))
        for place, fault in found.ambiguous.items():
            facts.ambiguous.setdefault(place, fault)
        if found.unreadable is not None and facts.unreadable is None:
            facts.unreadable, facts.detail = found.unreadable, found.detail
        if found.form is Form.OPAQUE and not self._opaque and sniff(octets[:SNIFFED]) is Form.JSON:
            for place in self._inspection.want().json:
                facts.ambiguous.setdefault(f"json:{place}", Ambiguity.BAD_SYNTAX)

    def _take_values(self, place: str, values: tuple[str, ...]) -> None:
        known = self._facts.json.get(place, ())
        added = tuple(value for value in values if value not in known)
        if len(known) + len(added) > MOST_VALUES:
            self._facts.ambiguous.setdefault(f"json:{place}", Ambiguity.TOO_LARGE)
        elif added:
            self._facts.json[place] = (*known, *added)

    def _take_tag(self, tag: Tag) -> None:
        """Keep a tag that can still matter: long-lived streams send many that say nothing."""
        bearing = self.policy.tags.bearing(tag)
        if bearing and tag not in self._facts.tags and self._bearings.get(bearing, 0) < _ALIKE:
            self._bearings[bearing] = self._bearings.get(bearing, 0) + 1
            self._facts.tags.append(tag)

    def _guarded(self, text: str) -> bool:
        reference = ObjectReference.parse(text)
        return reference is not None and self.policy.guarded.covers(reference) is not None
