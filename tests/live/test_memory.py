"""What an upload of a gibibyte costs the gateway's process, sent on at once and held to its end."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from live.origins import pattern
from live.sdk.answers import Providers
from live.sdk.curl import curl
from live.sdk.places import Places
from live.sdk.process import Gateway

GIB, MIB = 1 << 30, 1 << 20
MOST_GROWTH = 64 * MIB
BOUNDARY = "0123456789abcdef"


def form(size: int) -> Iterator[bytes]:
    """A form with a file and, after it, its purpose; a marker in each MiB shows one that is lost, doubled or moved."""
    disposition = 'Content-Disposition: form-data; name="file"; filename="rec.mp4"'
    yield f"--{BOUNDARY}\r\n{disposition}\r\nContent-Type: video/mp4\r\n\r\n".encode()
    block = bytearray(pattern(MIB))
    for number in range(size // MIB):
        block[:8] = number.to_bytes(8)
        yield bytes(block)
    purpose = 'Content-Disposition: form-data; name="purpose"\r\n\r\nassistants'
    yield f"\r\n--{BOUNDARY}\r\n{purpose}\r\n--{BOUNDARY}--\r\n".encode()


def written(file: Path, size: int) -> str:
    digest = hashlib.sha256()
    with file.open("wb") as opened:
        for block in form(size):
            opened.write(block)
            digest.update(block)
    return digest.hexdigest()


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A form of one GiB and its digest."""
    file = tmp_path_factory.mktemp("recording") / "form"
    yield file, written(file, GIB)
    file.unlink()


class Memory:
    """The resident memory of a process; its peak can be asked anew."""

    def __init__(self, pid: int) -> None:
        self._process = Path(f"/proc/{pid}")
        (self._process / "clear_refs").write_text("5")
        self._before = self._octets("VmRSS")

    def growth(self) -> int:
        return self._octets("VmHWM") - self._before

    def _octets(self, name: str) -> int:
        lines = (self._process / "status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024


@pytest.mark.slow
@pytest.mark.parametrize(
    "held", [pytest.param(False, id="sent on at once"), pytest.param(True, id="held to its end")]
)
def test_a_gibibyte_arrives_as_it_was_and_memory_stays_flat(
    held: bool,
    recording: tuple[Path, str],
    start_gateway: Callable[..., Gateway],
    places: Places,
    providers: Providers,
    environment: dict[str, str],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    file, digest = recording
    host = "api.openai.com" if held else "sink.example.com"
    kind = f"multipart/form-data; boundary={BOUNDARY}" if held else "video/mp4"
    gateway = start_gateway()
    env = {**environment, **gateway.environment()}
    small = tmp_path / "small"
    written(small, 5 * MIB)

    def upload(path: Path) -> None:
        how = ("--request", "POST", "--header", f"Content-Type: {kind}", "--upload-file", str(path))
        answer = curl(*how, f"{places[host].origin}/v1/files", env=env)
        assert (answer.code, answer.status) == (0, 200), answer.said

    upload(small)
    memory = Memory(gateway.pid)
    with gateway.watching(host) as trial:
        upload(file)
    grown = memory.growth()
    record_property("growth_mib", grown // MIB)
    assert trial.decision["verdict"] == "allow"
    assert trial.decision["stage"] == ("end" if held else "head")
    note = providers.last(host)
    assert (note.octets, note.sha256) == (file.stat().st_size, digest)
    assert grown < MOST_GROWTH, f"{grown // MIB} MiB"
    assert gateway.metric("subrosa_held_bytes") == 0
