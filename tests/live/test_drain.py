"""How clients are told that the gateway ends, and that what they have in flight ends well."""

import asyncio
import shutil
from pathlib import Path

import pytest
from h2.connection import H2Connection
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, SettingsFrame, WindowUpdateFrame

from live.clients import trusting, tunnel
from live.harness import HOST, Setup, facing
from live.origins import Origin, Reply

pytestmark = pytest.mark.asyncio

SIZE = 300_000
NO_LAST_STREAM = 2**31 - 1
LANES = [("engine",), ("lean", "engine")]


def paused() -> Origin:
    """An origin that answers once it may."""
    origin = Origin(lambda _s: Reply(body=SIZE))
    origin.pause = asyncio.Event()
    return origin


@pytest.mark.parametrize("lanes", LANES, ids=["engine", "lean"])
async def test_the_last_answer_on_a_connection_says_that_it_is_the_last(
    tmp_path: Path, lanes: tuple[str, ...]
) -> None:
    async with facing(tmp_path, paused(), lanes=lanes, alpn=("http/1.1",)) as (setup, origin):
        busy = await setup.h1(origin)
        head = f"HTTP/1.1\r\nHost: {HOST}:{origin.port}\r\n"
        busy.write(f"GET /head/allow {head}\r\n".encode())
        await setup.recorder.until(lambda told: bool(told.decisions))
        draining = asyncio.get_running_loop().create_task(setup.front.drain(10.0))
        await told_to_leave(setup)
        assert origin.pause is not None
        origin.pause.set()
        heard = await busy.hear()
        assert (heard.status, len(heard.body)) == (200, SIZE)
        assert heard.header("connection") == "close"
        assert await busy.closed() == b""
        await draining


@pytest.mark.parametrize("lanes", LANES, ids=["engine", "lean"])
async def test_a_refusal_says_so_too(tmp_path: Path, lanes: tuple[str, ...]) -> None:
    async with facing(tmp_path, lanes=lanes) as (setup, origin):
        client = await setup.h1(origin)
        head = f"POST /end/block HTTP/1.1\r\nHost: {HOST}:{origin.port}\r\nContent-Length: 2\r\n\r\n"
        await client.send(head.encode() + b"{")
        await setup.recorder.until(lambda told: told.held_octets == 1)
        draining = asyncio.get_running_loop().create_task(setup.front.drain(10.0))
        await told_to_leave(setup)
        await client.send(b"}")
        heard = await client.hear()
        assert (heard.status, heard.header("connection")) == (403, "close")
        assert await client.closed() == b""
        await draining


async def test_an_http2_client_hears_of_it_before_and_at_the_end(tmp_path: Path) -> None:
    async with facing(tmp_path, paused()) as (setup, origin):
        over = setup.kept(await tunnel(setup.port, f"{HOST}:{origin.port}", trusting(setup.ca, "h2")))
        client = H2Connection()  # which writes; what it would make of the gateway's frames is not asked
        client.initiate_connection()
        client.increment_flow_control_window(SIZE)
        client.update_settings({SettingsFrame.INITIAL_WINDOW_SIZE: SIZE})
        fields = [(":method", "GET"), (":scheme", "https"), (":authority", f"{HOST}:{origin.port}")]
        client.send_headers(1, [*fields, (":path", "/head/allow")], end_stream=True)
        over.write(client.data_to_send())
        await setup.recorder.until(lambda told: bool(told.decisions))

        draining = asyncio.get_running_loop().create_task(setup.front.drain(10.0))
        frames = Frames(over.reader)
        first = await frames.next(GoAwayFrame)
        assert (first.error_code, first.last_stream_id) == (0, NO_LAST_STREAM)
        assert origin.pause is not None
        origin.pause.set()
        octets = 0
        while "END_STREAM" not in (frame := await frames.next(DataFrame)).flags:
            octets += len(frame.data)
        assert octets + len(frame.data) == SIZE
        last = await frames.next(GoAwayFrame)
        assert (last.error_code, last.last_stream_id) == (0, 1)
        assert await over.reader.read() == b""
        await draining
        assert setup.recorder.outcomes[0].aborted == ""


async def test_curl_takes_all_of_a_download_over_http2_and_then_leaves(tmp_path: Path) -> None:
    async with facing(tmp_path, paused()) as (setup, origin):
        curl = shutil.which("curl")
        assert curl is not None
        words = ["--http2", "-sS", "-x", f"http://127.0.0.1:{setup.port}", "--cacert", str(setup.ca)]
        words += ["-o", "/dev/null", "-w", "%{http_version} %{http_code} %{size_download}"]
        process = await asyncio.create_subprocess_exec(
            curl, *words, f"https://{HOST}:{origin.port}/head/allow", stdout=asyncio.subprocess.PIPE
        )
        await setup.recorder.until(lambda told: bool(told.decisions))
        draining = asyncio.get_running_loop().create_task(setup.front.drain(10.0))
        await told_to_leave(setup)
        assert origin.pause is not None
        origin.pause.set()
        said, _ = await process.communicate()
        assert (process.returncode, said.decode()) == (0, f"2 200 {SIZE}")
        await draining


async def told_to_leave(setup: Setup) -> None:
    """Wait until every connection that is busy was told."""
    while not all(getattr(getattr(one, "session", one), "leaving", False) for one in setup.front.connections):  # noqa: ASYNC110
        await asyncio.sleep(0.01)


class Frames:
    """HTTP/2 frames as they come."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def next[F: Frame](self, kind: type[F]) -> F:
        """The next of this kind; others are read over."""
        async with asyncio.timeout(10):
            while True:
                frame, size = Frame.parse_frame_header(memoryview(await self._reader.readexactly(9)))
                frame.parse_body(memoryview(await self._reader.readexactly(size)))
                if isinstance(frame, kind):
                    return frame
                assert isinstance(frame, (SettingsFrame, WindowUpdateFrame)) or frame.stream_id == 1, frame
