"""Operations of the catalogue as the providers' own SDKs call them, through the real gateway.

These SDKs run, each in the release that requirements-dev.txt pins:

anthropic assemblyai azure-ai-documentintelligence azure-ai-language-conversations
azure-cognitiveservices-vision-customvision azure-storage-blob boto3 cartesia cohere dashscope databricks-sdk
deepgram-sdk elevenlabs fal-client fireworks-ai fish-audio-sdk google-genai groq huggingface-hub ibm-watson labelbox
lmnt mistralai openai replicate resemble scaleapi together zai-sdk

All are from PyPI: the same providers' packages for Node send the same requests, and curl and Node's own clients have
tests of their own.
"""

import importlib
import importlib.metadata
from pathlib import Path

import pytest

from live.sdk.process import Decision
from live.sdks.calls import CALLS
from live.sdks.conftest import World
from live.sdks.table import Call

LOCK = Path(__file__).parents[3] / "requirements-dev.txt"
# What SDKs warn of, or leave to the collector, is theirs.
pytestmark = pytest.mark.filterwarnings("ignore")


def rows(*, refused: bool) -> list[object]:
    return [pytest.param(call, id=call.name) for call in CALLS if bool(call.rule) is refused]


def named(dotted: str) -> type[BaseException]:
    module, _, name = dotted.rpartition(".")
    found: type[BaseException] = getattr(importlib.import_module(module), name)
    return found


def refusal(call: Call, client: object) -> str:
    """What the SDK's user reads."""
    if not call.sdk.raises:
        return str(call.make(client))
    with pytest.raises(named(call.sdk.raises)) as refused:
        call.make(client)
    return str(refused.value)


def told(decisions: list[Decision]) -> list[tuple[str, str]]:
    """Methods and hosts, as the provider notes them."""
    return [(each["method"], each["host"].partition(":")[0]) for each in decisions]


def test_the_sdks_are_those_that_are_listed_and_pinned() -> None:
    packages = {call.sdk.package for call in CALLS}
    listed = (__doc__ or "").split("\n\n")[2].split()
    assert listed == sorted(packages)
    pins = {line.split()[0] for line in LOCK.read_text().splitlines() if "==" in line}
    assert {f"{name}=={importlib.metadata.version(name)}" for name in packages} <= pins


def test_the_sample_is_wide() -> None:
    """Issue 4 asks for 60 operations; each SDK has a call that passes, too."""
    refused, passing = ([call for call in CALLS if bool(call.rule) is each] for each in (True, False))
    assert len({call.operation for call in refused}) >= 60
    assert len({call.operation for call in passing}) >= 40
    assert {call.sdk.package for call in passing} == {call.sdk.package for call in CALLS}


@pytest.mark.parametrize("call", rows(refused=True))
def test_it_is_refused_before_an_octet_left(call: Call, world: World) -> None:
    """What an SDK asks beforehand may arrive; of the call itself nothing does, and its own error says why."""
    client = world.client(call.sdk)
    with world.watching(call) as seen:
        said = refusal(call, client)
    *before, decision = seen.decisions
    assert (decision["verdict"], decision["rules"][:1]) == ("block", [call.rule])
    assert decision["operation"] == call.operation
    assert decision["host"].partition(":")[0] == call.sdk.host
    assert {each["verdict"] for each in before} <= {"allow"}
    assert seen.arrivals == told(before)
    assert before or (seen.connections, seen.octets) == (0, 0)
    assert "Blocked by Subrosa" in said
    assert decision["id"] in said


@pytest.mark.parametrize("call", rows(refused=False))
def test_it_arrives_whole(call: Call, world: World) -> None:
    client = world.client(call.sdk)
    with world.watching(call) as seen:
        call.make(client)
    assert {each["verdict"] for each in seen.decisions} == {"allow"}
    assert seen.decisions[-1]["operation"] == call.operation
    assert seen.arrivals == told(seen.decisions)
