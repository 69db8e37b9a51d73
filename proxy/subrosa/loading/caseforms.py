"""The files of test cases, key by key: `<x>.test.yaml` beside `<x>.yaml`, a list of cases."""

import base64
import binascii
from dataclasses import dataclass

from subrosa.loading.faults import Fault
from subrosa.loading.form import Form, Nested, form, key
from subrosa.loading.forms import LINE
from subrosa.loading.nodes import Mapping, Scalar, kind
from subrosa.loading.shapes import JsonSchema, ListOf, MapOf, Some, Spot, Text, Tree, Word
from subrosa.policy.policy import Profile
from subrosa.policy.verdict import Reason

STATED = Text("a fact such as `gemini.paid-tier`, or `fact=id`", r"[a-z0-9-]+(?:\.[a-z0-9-]+)+(?:=\S+)?")
SOURCES = ("customer-content", "nothing")


class _Raw:
    """Any scalar's spelling, white space and all."""

    def read(self, spot: Spot, faults: list[Fault]) -> str | None:
        """The text."""
        if not isinstance(spot.node, Scalar):
            faults.append(spot.fault(f"is {kind(spot.node)}: write text"))
            return None
        return spot.node.text

    def schema(self) -> JsonSchema:
        """Its JSON schema."""
        return {"type": ["string", "number", "boolean"]}


RAW = _Raw()


@dataclass(frozen=True, slots=True)
class Octets:
    """Octets as base64."""

    def read(self, spot: Spot, faults: list[Fault]) -> bytes | None:
        """The octets."""
        text = spot.node.text if isinstance(spot.node, Scalar) else ""
        try:
            return base64.b64decode("".join(text.split()), validate=True)
        except binascii.Error:
            faults.append(spot.fault(f"is {kind(spot.node)}: write octets as base64"))
            return None

    def schema(self) -> JsonSchema:
        """Its JSON schema."""
        return {"type": "string", "contentEncoding": "base64"}


SAMPLE = Text("a path below tests/samples")


@form
class PartForm(Form):
    """A file in a multipart body."""

    filename: str = key(RAW, "the file's name as sent", default="")
    content_type: str = key(LINE, "the part's Content-Type", default="")
    text: str | None = key(RAW, "its content as text", default=None)
    base64: bytes | None = key(Octets(), "its content as base64", default=None)
    sample: str = key(SAMPLE, "its content, a file below tests/samples", default="")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart body: a field's text, or a file."""

    name: str
    value: str | PartForm


class _Part:
    """`{name: text}` or `{name: {filename: …, text: …}}`."""

    def read(self, spot: Spot, faults: list[Fault]) -> Part | None:
        """The part."""
        if not isinstance(spot.node, Mapping) or len(spot.node.entries) != 1:
            faults.append(
                spot.fault(
                    "write one part a list item: `purpose: fine-tune` or `file: {filename: …, text: …}`"
                )
            )
            return None
        (name,) = spot.node.entries
        child = spot.child(name)
        reader = Nested(PartForm) if isinstance(child.node, Mapping) else RAW
        value: str | PartForm | None = reader.read(child, faults)
        return None if value is None else Part(name, value)

    def schema(self) -> JsonSchema:
        """Its JSON schema."""
        one = {"anyOf": [RAW.schema(), Nested(PartForm).schema()]}
        return {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": one}


@form
class MessageForm(Form):
    """One message of a stream."""

    json: Spot | None = key(Tree(), "a JSON message", default=None)
    text: str | None = key(RAW, "a message as text", default=None)
    base64: bytes | None = key(Octets(), "a message as base64", default=None)
    sample: str = key(SAMPLE, "a message, a file below tests/samples", default="")


_LINES = MapOf(Some(RAW, "values"), "names to a value or a list of values")


@form
class SendForm(Form):
    """The request that a case sends; at most one of the bodies."""

    method: str = key(
        Text("a method such as POST"),
        "the method; POST with a body and GET without one, when left away",
        default="",
    )
    url: str = key(
        Text("an http or https URL", r"https?://[^/?#]+(?:/.*)?"), "the URL as sent, percent-encoding kept"
    )
    headers: dict[str, tuple[str, ...]] = key(
        _LINES, "header fields; a list sends the field several times", default={}
    )
    json: Spot | None = key(Tree(), "a JSON body", default=None)
    form: dict[str, tuple[str, ...]] | None = key(_LINES, "a urlencoded body", default=None)
    multipart: tuple[Part, ...] = key(
        ListOf(_Part(), "parts"), "a multipart body, its parts in order", default=()
    )
    text: str | None = key(RAW, "a body as text", default=None)
    base64: bytes | None = key(Octets(), "a body as base64", default=None)
    sample: str = key(SAMPLE, "a body, a file below tests/samples", default="")
    messages: tuple[MessageForm, ...] = key(
        ListOf(Nested(MessageForm), "messages"),
        "what is sent after a WebSocket upgrade, in order",
        default=(),
    )


@form
class ExpectForm(Form):
    """What the gateway must say; what is left away is not compared."""

    verdict: str = key(Word("verdict", str, ("block", "allow")), "block or allow")
    operation: str = key(Text("an operation's id"), "the operation that is told", default="")
    rule: str = key(Text("a rule's id"), "a rule that decides", default="")
    reason: str = key(
        Word("reason", str, tuple(reason.value for reason in Reason)), "the reason that is told", default=""
    )
    stage: str = key(Word("stage", str, ("head", "body", "end")), "the stage that decides", default="")


@form
class CaseForm(Form):
    """One case: a sentence, a request, and what must become of it."""

    name: str = key(LINE, "a sentence, unique in its file")
    send: SendForm = key(Nested(SendForm), "the request")
    source: str = key(
        LINE, "`customer-content`, `nothing`, or a source of the settings", default="customer-content"
    )
    profile: Profile = key(
        Word("profile", Profile, tuple(profile.value for profile in Profile)),
        "the profile",
        default=Profile.STANDARD,
    )
    asserted: tuple[str, ...] = key(
        ListOf(STATED, "facts"),
        "account facts that the settings assert, `fact=id` where they are asked by their values",
        default=(),
        name="assert",
    )
    guarded: tuple[str, ...] = key(
        ListOf(Text("a store such as s3://bucket/prefix"), "stores"), "guarded stores", default=()
    )
    expect: ExpectForm = key(Nested(ExpectForm), "what must become of it")


@form
class FoundForm(Form):
    """One recognition."""

    recogniser: str = key(Text("a recogniser's id"), "the id of a recogniser")


@form
class KindCaseForm(Form):
    """One case of a content kind: a name or content, and exactly which recognisers know it."""

    name: str = key(LINE, "a sentence, unique in its file")
    filename: str = key(RAW, "the object's name", default="")
    text: str | None = key(RAW, "its first octets as text", default=None)
    base64: bytes | None = key(Octets(), "its first octets as base64", default=None)
    sample: str = key(SAMPLE, "its content, a file below tests/samples", default="")
    expect: tuple[FoundForm, ...] = key(
        ListOf(Nested(FoundForm), "recognisers", least=0),
        "the recognisers of the kind that know it; `[]` for none",
    )


CASES = ListOf(Nested(CaseForm), "cases", partial=True)
KIND_CASES = ListOf(Nested(KindCaseForm), "cases", partial=True)
