"""Every shipped rule case and every sample as a transfer to start from, and how one is judged without a socket."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import override
from urllib.parse import quote

from subrosa.facts.head import RawHead, check_head
from subrosa.facts.records import ClientFacts, ConnectFacts, RequestHead, TlsFacts
from subrosa.facts.references import GuardedStores
from subrosa.facts.stage import Stage
from subrosa.loading.cases import Case, Lines, load_cases
from subrosa.loading.inputs import PolicyInputs
from subrosa.loading.policy import load
from subrosa.loading.running import inspect, raw_head
from subrosa.policy.decision import decision_of
from subrosa.policy.inspection import Inspection
from subrosa.policy.policy import Policy, Profile
from subrosa.policy.sources import Source, Sources
from subrosa.policy.verdict import Outcome, Verdict
from subrosa.runtime.configuration import BUILTIN_RULES

PLACE = Path(__file__).parents[1] / "samples"
BOUNDARY = "subrosa-seed-boundary"
INPUTS = PolicyInputs(
    builtin=BUILTIN_RULES,
    extra=(),
    profile=Profile.STANDARD,
    observe=False,
    sources=Sources(),
    declared=(),
    guarded=GuardedStores(),
    asserted=frozenset(),
    today="2026-11-25",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One request as a client sends it, and the circumstances under which it is judged.

    ``expected`` is what a rule case says must become of it, empty for a sample. ``messages`` are those of a WebSocket.
    """

    name: str
    method: str
    url: str
    lines: Lines = ()
    body: bytes = b""
    source: str = "customer-content"
    profile: Profile = Profile.STANDARD
    asserted: frozenset[str] = frozenset()
    guarded: GuardedStores = field(default_factory=GuardedStores)
    expected: str = ""
    messages: tuple[bytes, ...] = ()

    @override
    def __repr__(self) -> str:
        lines = "".join(f"\n{name}: {value}" for name, value in self.lines)
        return f"<{self.name}\n{self.method} {self.url}{lines}\n\n{self.body!r}>"

    @property
    def content_type(self) -> str:
        """The Content-Type line's value, or empty."""
        return next((value for name, value in self.lines if name.lower() == "content-type"), "")

    def labelled(self, content_type: str, body: bytes) -> "Transfer":
        """The same request with another body, and no label where that is empty."""
        kept = tuple(line for line in self.lines if line[0].lower() not in _OF_BODY)
        label = (("Content-Type", content_type),) if content_type else ()
        return replace(self, lines=(*kept, *label), body=body)


_OF_BODY = frozenset({"content-type", "content-encoding", "content-length", "transfer-encoding"})


# --- judging ---------------------------------------------------------------------------------------------------


@cache
def shipped(profile: Profile = Profile.STANDARD) -> Policy:
    """The shipped rules."""
    return load(replace(INPUTS, profile=profile), 1).policy


def policy_for(transfer: Transfer, base: Policy | None = None) -> Policy:
    """A policy under the transfer's own source, stores and asserted facts."""
    source = Source(name=transfer.source, holds_content=transfer.source != "nothing")
    return replace(
        base or shipped(transfer.profile),
        sources=Sources((source,)),
        guarded=transfer.guarded,
        asserted=transfer.asserted,
    )


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict, and the inspection that gave it; none where the head check refused."""

    verdict: Verdict
    inspection: Inspection | None

    @property
    def told(self) -> tuple[object, ...]:
        """What a user is told of it, whatever the stage."""
        verdict = self.verdict
        return verdict.outcome, verdict.reason, verdict.rules, verdict.operation

    @property
    def facts(self) -> tuple[object, ...]:
        """What was found in it."""
        if self.inspection is None:
            return ()
        found = decision_of(self.inspection, "", "")
        return found.kinds, found.recognisers, found.shapes, found.tags, found.customer_content


def judge(transfer: Transfer, pieces: Iterable[bytes] | None = None, base: Policy | None = None) -> Judged:
    """Judge a transfer whose body comes in these pieces, or whole."""
    inspection, verdict = inspect(policy_for(transfer, base), transfer)
    if inspection is None:
        return Judged(verdict, None)
    for piece in (transfer.body,) if pieces is None else pieces:
        inspection.data(piece)
    return Judged(inspection.end(), inspection)


def judge_head(
    transfer: Transfer,
    head: RequestHead,
    *,
    connect: ConnectFacts | None = None,
    tls: TlsFacts | None = None,
    base: Policy | None = None,
) -> Judged:
    """Judge a transfer whose head came in another spelling or over another transport."""
    client = ClientFacts(listener="explicit:8080", address=ip_address("127.0.0.1"))
    inspection = Inspection(policy_for(transfer, base), connect or ConnectFacts(client=client), tls)
    inspection.head(head)
    inspection.data(transfer.body)
    return Judged(inspection.end(), inspection)


class Patient(Inspection):
    """Judges only what is wholly known: what an early verdict must agree with."""

    @override
    def _judge(self, stage: Stage, *, told: Stage | None = None) -> Verdict:
        if stage is Stage.END:
            return super()._judge(stage, told=told)
        self.verdict = Verdict(outcome=Outcome.UNDECIDED)
        return self.verdict


def in_hindsight(transfer: Transfer) -> Verdict:
    """The verdict of one who reads everything before judging anything."""
    inspection, verdict = inspect(policy_for(transfer), transfer)
    if inspection is None or inspection.subject.facts.head is None:
        return verdict
    if inspection.subject.facts.head.upgrade is not None:
        return verdict  # what follows a handshake are messages, each judged by itself
    patient = Patient(inspection.policy, inspection.subject.facts.connect, inspection.subject.facts.tls)
    patient.head(inspection.subject.facts.head)
    patient.data(transfer.body)
    return patient.end()


def raw_of(transfer: Transfer) -> RawHead:
    """Its head as a proxy reads it: through CONNECT and TLS for https, in absolute form for http."""
    return raw_head(transfer)[1]


def head_of(transfer: Transfer) -> RequestHead:
    """Its checked head."""
    return check_head(raw_of(transfer))


# --- seeds -----------------------------------------------------------------------------------------------------


def multipart(parts: Iterable[tuple[str, str, bytes]], boundary: str = BOUNDARY) -> bytes:
    """Parts as name, file name or empty, and content."""
    body = b""
    for name, filename, content in parts:
        disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
        body += f"--{boundary}\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode()


def _of_case(case: Case) -> Transfer:
    return Transfer(
        name=case.id,
        method=case.method,
        url=case.url,
        lines=case.lines,
        body=case.body,
        source=case.source,
        profile=case.profile,
        asserted=case.asserted,
        guarded=case.guarded,
        expected=case.expect.verdict,
        messages=case.messages,
    )


_HOSTS = {
    "azure": "syn.blob.core.windows.net",
    "bedrock": "bedrock.us-east-1.amazonaws.com",
    "gcs": "storage.googleapis.com",
    "hf": "huggingface.co",
    "openai": "api.openai.com",
    "s3": "s3.eu-central-1.amazonaws.com",
    "sagemaker": "api.sagemaker.us-east-1.amazonaws.com",
    "tus": "upload.corp.example",
}
_LOCAL = frozenset({"host", "connection", "authorization", "content-length", "transfer-encoding"})
_STORE = "https://syn-meetings.s3.eu-central-1.amazonaws.com/rec/"


def _captured(path: Path) -> Transfer:
    """A captured request, sent to where the provider really is; its HTTP framing is the lane's matter and undone."""
    head, _, body = re.split(rb"(\r?\n)\r\n", path.read_bytes(), maxsplit=1)
    first, *rest = head.decode("latin-1").splitlines()
    method, target, _ = first.split(" ")
    pairs = [line.partition(":")[::2] for line in rest if ":" in line]
    if any(name.lower() == "transfer-encoding" for name, _ in pairs):
        body = body.partition(b"\r\n")[2].rpartition(b"\r\n0\r\n")[0]
    return Transfer(
        name=path.name,
        method=method,
        url=f"https://{_HOSTS[path.name.partition('_')[0]]}{target.removeprefix('/syn/train') or '/'}",
        lines=tuple((name, value.strip()) for name, value in pairs if name.lower() not in _LOCAL),
        body=body,
    )


def _stored(name: str, content: bytes, lines: Lines = ()) -> Transfer:
    return Transfer(name=f"{name}, stored", method="PUT", url=_STORE + quote(name), lines=lines, body=content)


def _of_sample(path: Path) -> Iterator[Transfer]:
    """A sample stored in a bucket, sent to a host that nobody knows, and uploaded for training and for inference."""
    content = path.read_bytes()
    if path.name.startswith("headers_") or path.name.endswith(".headers.txt"):
        pairs = [line.partition(": ")[::2] for line in content.decode().splitlines() if ": " in line]
        yield _stored(path.name, b"x", tuple(pairs))
        return
    yield _stored(path.name, content)
    url = f"https://files.corp.example/in/{quote(path.name)}"
    yield Transfer(name=f"{path.name}, sent", method="POST", url=url, body=content, source="nothing")
    form = (("Content-Type", f"multipart/form-data; boundary={BOUNDARY}"),)
    for purpose in ("fine-tune", "assistants"):
        yield Transfer(
            name=f"{path.name} for {purpose}",
            method="POST",
            url="https://api.openai.com/v1/files",
            lines=form,
            body=multipart([("file", path.name, content), ("purpose", "", purpose.encode())]),
        )


_FOLDERS = ("media", "text", "training", "tags", "neg")
_ALL = tuple(_of_case(case) for case in load_cases(INPUTS).requests)
STREAMS = tuple(case for case in _ALL if case.messages or case.content_type.startswith("application/grpc"))
CASES = tuple(case for case in _ALL if case not in STREAMS)
CAPTURED = tuple(_captured(path) for path in sorted((PLACE / "http").glob("*.http")))
SAMPLES_BY_NAME = {path.name: path for path in sorted(PLACE.rglob("*")) if path.is_file()}
FILES = tuple(path for folder in _FOLDERS for path in sorted((PLACE / folder).rglob("*")) if path.is_file())
SAMPLES = (*CAPTURED, *(transfer for path in FILES for transfer in _of_sample(path)))
SEEDS = (*CASES, *SAMPLES)


@cache
def sealed() -> tuple[Transfer, ...]:
    """Every seed that a rule refuses which nothing lifts: the pledge's and the gateway's own."""
    judged = [(seed, judge(seed).verdict) for seed in SEEDS]
    return tuple(
        seed for seed, told in judged if told.outcome is Outcome.BLOCK and told.rules[0][:7] != "strict."
    )
