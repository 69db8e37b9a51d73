"""The tour itself: what a recorder's day looks like through the gateway, step by step."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import httpx
import openai
from botocore.config import Config
from botocore.exceptions import ClientError
from rich.console import Console
from rich.table import Table

from subrosa.cli.demo.services import (
    BUCKET,
    DEEPGRAM,
    KEY,
    OPENAI,
    REGION,
    SECRET,
    STORE,
    DemoError,
    StandIns,
    gateway,
    object_store,
)
from subrosa.cli.output import err

TRANSCRIPT = b"WEBVTT\n\n1\n00:00:01.000 --> 00:00:04.000\nAda: Shall we ship on Friday?\n"
RECORDING = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(1 << 20)
NAME = "zoom/GMT20260108-120125_Recording"


class RefusedError(Exception):
    """The step was refused; the text is what the client's own library says."""


@dataclass(slots=True)
class Stage:
    """Clients as an application has them: unchanged but for proxy and CA."""

    proxy: str
    authority: Path
    places: StandIns
    store: Any = field(init=False)
    llm: openai.OpenAI = field(init=False)
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        """Make the clients."""
        self.store = boto3.client(
            "s3",
            endpoint_url=f"https://{STORE}:{self.places.ports[STORE]}",
            region_name=REGION,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            verify=str(self.authority),
            config=Config(proxies={"https": self.proxy}, s3={"addressing_style": "path"}),
        )
        self.http = httpx.Client(proxy=self.proxy, verify=str(self.authority), timeout=30)
        base = f"https://{OPENAI}:{self.places.ports[OPENAI]}/v1"
        client = openai.DefaultHttpxClient(proxy=self.proxy, verify=str(self.authority))
        self.llm = openai.OpenAI(api_key="demo", base_url=base, http_client=client)

    def put(self, suffix: str, body: bytes, **extra: str) -> str:
        """Store one object."""
        try:
            self.store.put_object(Bucket=BUCKET, Key=NAME + suffix, Body=body, **extra)
        except ClientError as fault:
            raise RefusedError(str(fault)) from fault
        return f"stored s3://{BUCKET}/{NAME}{suffix}"

    def ask(self, call: Callable[[openai.OpenAI], object]) -> str:
        """One call of the openai library."""
        try:
            return str(call(self.llm))
        except openai.APIStatusError as fault:
            raise RefusedError(f"{type(fault).__name__}: {fault.message}") from fault

    def listen(self, query: str) -> str:
        """One transcription by Deepgram."""
        url = f"https://{DEEPGRAM}:{self.places.ports[DEEPGRAM]}/v1/listen{query}"
        answer = self.http.post(url, content=RECORDING, headers={"Content-Type": "video/mp4"})
        if answer.status_code == httpx.codes.FORBIDDEN:
            raise RefusedError(answer.json()["detail"])
        return f"HTTP {answer.status_code}"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is tried, and whether it must be refused."""

    told: str
    refused: bool
    run: Callable[[Stage], str]


def _upload(client: openai.OpenAI, purpose: Any) -> object:  # noqa: ANN401 - a literal of the library
    return client.files.create(file=("talk.vtt", TRANSCRIPT), purpose=purpose).id


def _summary(client: openai.OpenAI) -> object:
    answer = client.chat.completions.create(
        model="demo", messages=[{"role": "user", "content": "Summarise:\n" + TRANSCRIPT.decode()}]
    )
    return answer.choices[0].message.content


STEPS = (
    Step("boto3 archives a recording", refused=False, run=lambda s: s.put("_1920x1080.mp4", RECORDING)),
    Step("boto3 archives its transcript", refused=False, run=lambda s: s.put(".transcript.vtt", TRANSCRIPT)),
    Step("openai summarises the transcript", refused=False, run=lambda s: s.ask(_summary)),
    Step(
        "openai transcribes the audio",
        refused=False,
        run=lambda s: s.ask(
            lambda c: c.audio.transcriptions.create(model="whisper-1", file=("a.mp4", RECORDING)).text
        ),
    ),
    Step(
        "deepgram transcribes it, opted out of training",
        refused=False,
        run=lambda s: s.listen("?mip_opt_out=true"),
    ),
    Step(
        "openai gets the transcript for fine-tuning",
        refused=True,
        run=lambda s: s.ask(lambda c: _upload(c, "fine-tune")),
    ),
    Step(
        "openai starts a fine-tuning job",
        refused=True,
        run=lambda s: s.ask(lambda c: c.fine_tuning.jobs.create(model="demo", training_file="file-1").id),
    ),
    Step("deepgram transcribes it, not opted out", refused=True, run=lambda s: s.listen("")),
    Step(
        "boto3 archives a copy tagged for training",
        refused=True,
        run=lambda s: s.put("_copy.mp4", RECORDING, Tagging="purpose=model-training"),
    ),
    Step(
        "the same, with a tag that says consent was given",
        refused=True,
        run=lambda s: s.put("_consent.mp4", RECORDING, Tagging="purpose=model-training&consent=granted"),
    ),
)


def tour(directory: Path) -> int:
    """Start everything, walk through the steps, show the counters, stop everything; 0 when all went as told."""
    console = Console(highlight=False)
    try:
        with (
            object_store(directory) as port,
            StandIns(directory, port) as places,
            gateway(directory, places.hosts, places.roots) as (proxy, admin, authority),
        ):
            console.print(f"an object store, stand-ins for providers, and the gateway on {proxy}\n")
            wrong = _walk(console, Stage(proxy, authority, places))
            _tell(console, places, admin)
    except DemoError as fault:
        err.print(str(fault), markup=False)
        return 1
    console.print("\nstopped, and nothing left behind")
    return 1 if wrong else 0


def _walk(console: Console, stage: Stage) -> int:
    wrong = 0
    for step in STEPS:
        try:
            said, refused = step.run(stage), False
        except RefusedError as fault:
            said, refused = str(fault), True
        mark = "[red]refused[/]" if refused else "[green]passed [/]"
        console.print(f"{mark}  {step.told}")
        console.print(f"         {said}", style="dim", markup=False)
        wrong += refused is not step.refused
    return wrong


def _tell(console: Console, places: StandIns, admin: str) -> None:
    table = Table(
        "what reached", "requests", "octets", title="\nat the destinations", title_justify="left", box=None
    )
    for name, counted in places.arrived.items():
        table.add_row(name, ", ".join(counted.requests) or "nothing", str(counted.octets))
    console.print(table)
    text = httpx.get(f"{admin}/metrics", timeout=10, trust_env=False).text
    console.print("\nin Prometheus")
    for line in text.splitlines():
        if line.startswith(("subrosa_transfers_total{", "subrosa_blocked_total{")) and not line.endswith(
            " 0.0"
        ):
            console.print(f"  {line}", markup=False, soft_wrap=True)
