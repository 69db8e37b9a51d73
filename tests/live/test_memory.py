"""What an upload of a gibibyte costs the gateway's process, sent on at once and held to its end."""

import hashlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from live.crowd import at_rest
from live.origins import pattern
from live.sdk.answers import Providers
from live.sdk.curl import curl
from live.sdk.places import Places
from live.sdk.process import Gateway

log = logging.getLogger(__name__)

GIB, MIB = 1 << 30, 1 << 20
MOST_GROWTH = 64 * MIB
BOUNDARY = "0123456789abcdef"
MP4 = (Path(__file__).parents[1] / "samples/media/zoom_like.mp4").read_bytes()


def recording(size: int) -> Iterator[bytes]:
    """A marker in each MiB shows one that is lost, doubled or moved."""
    yield MP4
    block = bytearray(pattern(MIB))
    for number in range(size // MIB):
        block[:8] = number.to_bytes(8)
        yield bytes(block)


def form(size: int) -> Iterator[bytes]:
    """A form with a recording and, after it, its purpose."""
    disposition = 'Content-Disposition: form-data; name="file"; filename="rec.mp4"'
    yield f"--{BOUNDARY}\r\n{disposition}\r\nContent-Type: video/mp4\r\n\r\n".encode()
    yield from recording(size)
    purpose = 'Content-Disposition: form-data; name="purpose"\r\n\r\nassistants'
    yield f"\r\n--{BOUNDARY}\r\n{purpose}\r\n--{BOUNDARY}--\r\n".encode()


def written(file: Path, content: Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    with file.open("wb") as opened:
        for block in content:
            opened.write(block)
            digest.update(block)
    return digest.hexdigest()


class Memory:
    """The resident memory of a gateway's processes, once all have loaded everything; their peaks are asked anew."""

    def __init__(self, gateway: Gateway) -> None:
        at_rest(*gateway.processes())
        self._processes = [Path(f"/proc/{pid}") for pid in gateway.processes()]
        for process in self._processes:
            (process / "clear_refs").write_text("5")
        self._before = self._octets("VmRSS")

    def growth(self) -> int:
        return self._octets("VmHWM") - self._before

    def _octets(self, name: str) -> int:
        lines = [line for one in self._processes for line in (one / "status").read_text().splitlines()]
        return sum(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "held",
    [
        pytest.param(False, id="sent on at once, over HTTP/2"),
        pytest.param(True, id="held to its end, over HTTP/1.1"),
    ],
)
def test_a_gibibyte_arrives_as_it_was_and_memory_stays_flat(
    held: bool,
    start_gateway: Callable[..., Gateway],
    places: Places,
    providers: Providers,
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    host = "api.openai.com" if held else "sink.example.com"
    kind = f"Content-Type: multipart/form-data; boundary={BOUNDARY}"
    how = (
        ("--request", "POST", "--http1.1", "--header", kind)
        if held
        else ("--http2", "--header", "Content-Type: video/mp4")
    )
    target = "/v1/files" if held else "/archive/rec.mp4"
    content = form if held else recording
    gateway = start_gateway()
    env = {**environment, **gateway.environment()}
    small, file = tmp_path / "small", tmp_path / "large"
    written(small, content(5 * MIB))
    digest = written(file, content(GIB))

    def upload(path: Path) -> None:
        sent = ("--max-time", "240", "--upload-file", str(path), places[host].origin + target)
        answer = curl(*how, *sent, env=env)
        assert (answer.code, answer.status) == (0, 200), answer.said

    upload(small)
    memory, before = Memory(gateway), gateway.cpu_seconds()
    with gateway.watching(host) as trial:
        upload(file)
    grown = memory.growth()
    log.info("%.1f MiB more, %.1f s of CPU", grown / MIB, gateway.cpu_seconds() - before)
    assert trial.decision["verdict"] == "allow"
    assert trial.decision["stage"] == ("end" if held else "head")
    note = providers.last(host)
    assert (note.octets, note.sha256) == (file.stat().st_size, digest)
    file.unlink()
    assert grown < MOST_GROWTH, f"{grown // MIB} MiB"
    assert gateway.metric("subrosa_held_bytes") == 0
