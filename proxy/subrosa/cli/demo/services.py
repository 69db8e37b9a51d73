"""The demo's services, all on loopback: an object store, stand-ins for providers behind TLS, and the gateway itself."""

import asyncio
import json
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import trustme
from aiohttp import web

KEY, SECRET, BUCKET, REGION = "demo", "demo-secret", "recordings", "eu-central-1"
STORE, OPENAI, DEEPGRAM = "s3.store.example", "api.openai.com", "api.deepgram.com"
_BIN = Path(sys.executable).parent
_GRPC_AWAY = 10_000


class DemoError(RuntimeError):
    """A service did not start."""


@dataclass(slots=True)
class Counted:
    """What reached the destinations."""

    requests: list[str] = field(default_factory=list)
    octets: int = 0


@contextmanager
def object_store(directory: Path) -> Iterator[int]:
    """SeaweedFS with one bucket; gives the port of its S3 API."""
    ports = _free_ports(4)
    config = directory / "s3.json"
    identity = {
        "name": KEY,
        "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    config.write_text(json.dumps({"identities": [identity]}))
    (directory / "objects").mkdir()
    command = [
        *(str(_BIN / "weed"), "-logtostderr=true", "mini", f"-dir={directory / 'objects'}"),
        *(
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-master.telemetry=false",
            "-admin.ui=false",
            "-webdav=false",
        ),
        *("-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.config={config}", f"-bucket={BUCKET}"),
        *(
            f"-{part}.port={port}"
            for part, port in zip(("master", "volume", "filer", "s3"), ports, strict=True)
        ),
        f"-admin.port={_free_ports(1)[0]}",
    ]
    with _process(command, "All enabled components are running and ready", "the object store"):
        yield ports[3]


@contextmanager
def gateway(directory: Path, hosts: Path, roots: Path) -> Iterator[tuple[str, str, Path]]:
    """`subrosa run` as its users start it; gives proxy address, admin address and CA certificate."""
    lines: list[str] = []
    command = [
        *(str(_BIN / "subrosa"), "run", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"),
        *("--state-dir", str(directory / "state"), "--hosts-file", str(hosts), "--upstream-ca", str(roots)),
        *("--allow-private", "127.0.0.0/8"),
    ]
    with _process(command, "try:", "the gateway", lines):
        proxy = next(line.rpartition(" ")[2] for line in lines if "explicit proxy on" in line)
        admin = next(line.rpartition(" ")[2] for line in lines if "admin and metrics on" in line)
        authority = next(line.rpartition(" ")[2] for line in lines if "clients must trust" in line)
        yield f"http://{proxy}", admin.rstrip("/"), Path(authority)


@contextmanager
def _process(command: list[str], ready: str, what: str, lines: list[str] | None = None) -> Iterator[None]:
    told, up = lines if lines is not None else [], threading.Event()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # noqa: S603 - our own command
        reader = threading.Thread(target=_read, args=(process, ready, told, up), daemon=True)
        reader.start()
        try:
            if not up.wait(60) or process.poll() is not None:
                raise DemoError(f"{what} did not start:\n" + "\n".join(told[-5:]))
            yield
        finally:
            process.terminate()
            process.wait(30)
            reader.join()


def _read(process: subprocess.Popen[str], ready: str, lines: list[str], up: threading.Event) -> None:
    for line in process.stdout or ():
        lines.append(line.rstrip())
        if ready in line:
            up.set()
    up.set()


def _free_ports(count: int) -> list[int]:
    """Ports that are free, with their twins 10,000 above (the store's gRPC)."""
    found: list[int] = []
    for port in range(12_300, 20_000, 7):
        if _free(port) and _free(port + _GRPC_AWAY) and port not in found:
            found.append(port)
            if len(found) == count:
                return found
    raise DemoError("no free ports")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


class StandIns:
    """The providers' names on loopback addresses of their own, behind TLS; counts what arrives."""

    def __init__(self, directory: Path, store_port: int) -> None:
        self.arrived = {OPENAI: Counted(), DEEPGRAM: Counted()}
        self.hosts, self.roots = directory / "hosts", directory / "providers.pem"
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.roots))
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(OPENAI, DEEPGRAM, STORE).configure_cert(self._tls)
        self._store_port = store_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._stop: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self.ports: dict[str, int] = {}

    def __enter__(self) -> Self:
        """Listen, and write the hosts file."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(30)
        self.hosts.write_text("".join(f"127.0.0.1 {name}\n" for name in self.ports))
        return self

    def __exit__(self, *_raised: object) -> None:
        """Stop."""
        for stop in self._stop:
            asyncio.run_coroutine_threadsafe(stop(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        for name in self.arrived:
            runner = web.AppRunner(self._provider(name), access_log=None)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._tls)
            await site.start()
            self.ports[name] = runner.addresses[0][1]
            self._stop.append(runner.cleanup)
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0, ssl=self._tls)
        self.ports[STORE] = server.sockets[0].getsockname()[1]

        async def close() -> None:
            server.close()

        self._stop.append(close)

    def _provider(self, name: str) -> web.Application:
        async def answer(request: web.Request) -> web.Response:
            body = await request.read()
            self.arrived[name].requests.append(f"{request.method} {request.path}")
            self.arrived[name].octets += len(body)
            return web.json_response(_ANSWERS.get(request.path, {"id": "demo-1", "object": "demo"}))

        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{rest:.*}", answer)
        return app

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", self._store_port)
        await asyncio.gather(_pump(reader, forth), _pump(back, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while octets := await reader.read(65536):
            writer.write(octets)
            await writer.drain()
    except (ConnectionError, ssl.SSLError):
        pass  # the other side went away: closing is all that is left
    finally:
        writer.close()


_ANSWERS: dict[str, dict[str, object]] = {
    "/v1/chat/completions": {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "demo",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": "They agreed to ship on Friday."},
            }
        ],
    },
    "/v1/audio/transcriptions": {"text": "Shall we ship on Friday?"},
    "/v1/files": {
        "id": "file-1",
        "object": "file",
        "bytes": 1,
        "created_at": 1,
        "filename": "a",
        "purpose": "assistants",
        "status": "processed",
    },
}
