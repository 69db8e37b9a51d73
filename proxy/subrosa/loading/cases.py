"""Test cases of rules: a request as data and what must become of it; run without any socket."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from subrosa.facts.references import GuardedStore, GuardedStores, ObjectReference
from subrosa.loading.caseforms import (
    CASES,
    KIND_CASES,
    CaseForm,
    ExpectForm,
    KindCaseForm,
    MessageForm,
    Part,
    PartForm,
    SendForm,
)
from subrosa.loading.faults import Fault, RuleErrors
from subrosa.loading.files import File, read_rules, read_sample, sample_places
from subrosa.loading.inputs import PolicyInputs
from subrosa.loading.nodes import Mapping, Sequence, plain, read
from subrosa.loading.shapes import Spot
from subrosa.policy.policy import Profile

BOUNDARY = "subrosa-case-boundary"

type Lines = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request and what must become of it; ``lines`` are its header lines, without Host and framing."""

    name: str
    file: str
    line: int
    builtin: bool
    method: str
    url: str
    lines: Lines
    body: bytes
    messages: tuple[bytes, ...] = ()
    """What follows an upgrade."""
    source: str = "customer-content"
    profile: Profile = Profile.STANDARD
    asserted: frozenset[str] = frozenset()
    guarded: GuardedStores = field(default_factory=GuardedStores)
    expect: ExpectForm

    @property
    def id(self) -> str:
        """File and sentence, unique among all cases."""
        return f"{self.file}: {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KindCase:
    """One name or content, and exactly which recognisers of the kind that its file is about must know it."""

    name: str
    kind: str
    file: str
    line: int
    filename: str
    octets: bytes
    expect: tuple[str, ...]

    @property
    def id(self) -> str:
        """File and sentence, unique among all cases."""
        return f"{self.file}: {self.name}"


@dataclass(frozen=True, slots=True)
class Cases:
    """All cases of all directories."""

    requests: tuple[Case, ...]
    kinds: tuple[KindCase, ...]


def wire(case: Case) -> tuple[str, str, Lines, bytes]:
    """Method, URL, header lines and body octets: the same request for any client."""
    return case.method, case.url, case.lines, case.body


def load_cases(inputs: PolicyInputs) -> Cases:
    """Read every test file.

    Raises:
        RuleErrors: with every fault of every test file; no case at all is a fault.
    """
    faults: list[Fault] = []
    files = read_rules(inputs.builtin, inputs.extra, [])
    cases = read_cases(files, inputs, faults)
    if not cases.requests and not cases.kinds and not faults:
        faults.append(Fault("rules", 0, 0, "", "no test case was found: write <x>.test.yaml beside <x>.yaml"))
    if faults:
        raise RuleErrors(faults)
    return cases


def read_cases(files: tuple[File, ...], inputs: PolicyInputs, faults: list[Fault]) -> Cases:
    """Read the test files among the files; faults are told."""
    reader = _Reader(inputs, faults)
    for file in files:
        if file.tests:
            reader.read(file)
    return Cases(tuple(reader.requests), tuple(reader.kinds))


class _Reader:
    """Reads test files into cases."""

    def __init__(self, inputs: PolicyInputs, faults: list[Fault]) -> None:
        self._faults = faults
        self._samples = sample_places(inputs.builtin, inputs.extra)
        self.requests: list[Case] = []
        self.kinds: list[KindCase] = []

    def read(self, file: File) -> None:
        """Read one file."""
        node = read(file.octets, file.shown, self._faults)
        if node is None:
            return
        spot = Spot(file.shown, node)
        sends = isinstance(node, Sequence) and any(
            isinstance(i, Mapping) and "send" in i.entries for i in node.items
        )
        names: dict[str, int] = {}
        if sends:
            for form in CASES.read(spot, self._faults) or ():
                self._check_name(form, names)
                self.requests.append(self._case(form, builtin=file.builtin))
        else:
            for kind_form in KIND_CASES.read(spot, self._faults) or ():
                self._check_name(kind_form, names)
                self.kinds.append(self._kind_case(kind_form, file.stem))

    def _check_name(self, form: CaseForm | KindCaseForm, names: dict[str, int]) -> None:
        if form.name in names:
            message = f"case `{form.name}` stands in line {names[form.name]} already: a case has a sentence of its own"
            self._faults.append(form.spot.child("name").fault(message))
        names.setdefault(form.name, form.spot.node.line)

    def _case(self, form: CaseForm, *, builtin: bool) -> Case:
        content_type, body = self._body(form.send)
        lines = [(name, value) for name, values in form.send.headers.items() for value in values]
        if content_type and not any(name.lower() == "content-type" for name, _ in lines):
            lines.append(("Content-Type", content_type))
        return Case(
            name=form.name,
            file=form.spot.file,
            line=form.spot.node.line,
            builtin=builtin,
            method=form.send.method or ("GET" if body is None else "POST"),
            url=form.send.url,
            lines=tuple(lines),
            body=body or b"",
            messages=tuple(self._message(message) for message in form.send.messages),
            source=form.source,
            profile=form.profile,
            asserted=frozenset(form.asserted),
            guarded=self._guarded(form),
            expect=form.expect,
        )

    def _body(self, form: SendForm) -> tuple[str, bytes | None]:
        """The content type that goes with a body, and the body; None without one."""
        bodies = list(self._bodies(form))
        if len(bodies) > 1:
            self._faults.append(
                form.spot.fault("has two bodies: write one of json, form, multipart, text, base64, sample")
            )
        return bodies[0] if bodies else ("", None)

    def _bodies(self, form: SendForm) -> Iterator[tuple[str, bytes]]:
        if form.json is not None:
            yield "application/json", json.dumps(plain(form.json.node), ensure_ascii=False).encode()
        if form.form is not None:
            pairs = [
                f"{quote_plus(name)}={quote_plus(value)}"
                for name, values in form.form.items()
                for value in values
            ]
            yield "application/x-www-form-urlencoded", "&".join(pairs).encode()
        if form.multipart:
            yield f"multipart/form-data; boundary={BOUNDARY}", self._multipart(form.multipart)
        if form.text is not None:
            yield "", form.text.encode()
        if form.base64 is not None:
            yield "", form.base64
        if form.sample:
            yield "", self._sample(form.sample, form.spot)

    def _message(self, form: MessageForm) -> bytes:
        """The octets of one message."""
        if form.json is None:
            return self._content(form)
        return json.dumps(plain(form.json.node), ensure_ascii=False).encode()

    def _multipart(self, parts: tuple[Part, ...]) -> bytes:
        pieces: list[bytes] = []
        for part in parts:
            head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{part.name}"'
            content = part.value.encode() if isinstance(part.value, str) else self._content(part.value)
            if isinstance(part.value, PartForm):
                head += f'; filename="{part.value.filename}"' if part.value.filename else ""
                head += f"\r\nContent-Type: {part.value.content_type}" if part.value.content_type else ""
            pieces.append(head.encode() + b"\r\n\r\n" + content + b"\r\n")
        return b"".join(pieces) + f"--{BOUNDARY}--\r\n".encode()

    def _content(self, form: PartForm | MessageForm | KindCaseForm) -> bytes:
        given = [form.text is not None, form.base64 is not None, bool(form.sample)]
        if sum(given) > 1 or (not isinstance(form, KindCaseForm) and not any(given)):
            self._faults.append(form.spot.fault("write one of text, base64 and sample"))
        if form.text is not None:
            return form.text.encode()
        if form.base64 is not None:
            return form.base64
        return self._sample(form.sample, form.spot) if form.sample else b""

    def _kind_case(self, form: KindCaseForm, kind: str) -> KindCase:
        return KindCase(
            name=form.name,
            kind=kind,
            file=form.spot.file,
            line=form.spot.node.line,
            filename=form.filename,
            octets=self._content(form),
            expect=tuple(found.recogniser for found in form.expect),
        )

    def _sample(self, name: str, spot: Spot) -> bytes:
        octets = read_sample(self._samples, name)
        if octets is None:
            message = f"`{name}` is no sample: write a path below {' or '.join(str(place) for place in self._samples)}"
            self._faults.append(spot.child("sample").fault(message))
        return octets or b""

    def _guarded(self, form: CaseForm) -> GuardedStores:
        stores: list[GuardedStore] = []
        for at, text in enumerate(form.guarded):
            reference = ObjectReference.parse(text)
            if reference is None or not reference.resolved:
                self._faults.append(
                    form.spot.child("guarded")
                    .item(at)
                    .fault(f"`{text}` names no store: write s3://bucket/prefix")
                )
            else:
                stores.append(GuardedStore(reference.provider, reference.bucket, reference.key))
        return GuardedStores(tuple(stores))
