"""What the stand-ins for the providers answer: enough for the real clients, and a note of each request."""

import asyncio
import hashlib
import json
import subprocess
import zipfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import WSMsgType, web

from live.sdk.places import Places

type Handler = Callable[[web.Request, "Note"], Awaitable[web.StreamResponse]]

KEPT = 4 << 20
GIT_BACKEND = Path("/usr/lib/git-core/git-http-backend")
DATASET_FILE = b"speaker,turns\nAda,3\n"
SUMMARY = "Ship on Friday."
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass(slots=True)
class Note:
    """One request as it came: ``body`` holds its first octets."""

    host: str
    method: str
    target: str
    headers: list[tuple[bytes, bytes]]
    octets: int = 0
    body: bytearray = field(default_factory=bytearray)
    sha256: str = ""

    def header(self, name: str) -> str | None:
        return next((v.decode() for n, v in self.headers if n.lower() == name.encode()), None)


class Providers:
    """The applications behind the places; ``notes`` are all requests so far."""

    def __init__(self, places: Places, directory: Path) -> None:
        self.places = places
        self.directory = directory
        self.notes: list[Note] = []
        self._runner = web.AppRunner(
            self._application(), access_log=None, shutdown_timeout=1, auto_decompress=False
        )
        self._own: dict[str, Handler] = {
            "api.openai.com": _openai,
            "huggingface.co": _hugging_face,
            "packages.corp.example": self._index,
            "github.com": self._git,
        }

    def start(self) -> None:
        self.places.run(self._runner.setup())
        server = self._runner.server
        assert server is not None
        for name in self.places.by_name:
            self.places.serve(name, server)

    def stop(self) -> None:
        self.places.run(self._runner.cleanup())

    def of(self, host: str) -> list[Note]:
        return [note for note in self.notes if note.host == host]

    def last(self, host: str) -> Note:
        return self.of(host)[-1]

    def _application(self) -> web.Application:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        return application

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        host = request.host.partition(":")[0]
        note = Note(host, request.method, request.raw_path, list(request.raw_headers))
        if request.headers.get("upgrade", "").lower() == "websocket":
            self.notes.append(note)
            return await _echo(request)
        digest = hashlib.sha256()
        async for block in request.content.iter_any():
            note.octets += len(block)
            digest.update(block)
            if len(note.body) < KEPT:
                note.body += block
        note.sha256 = digest.hexdigest()
        self.notes.append(note)
        return await self._own.get(host, _plain)(request, note)

    async def _index(self, request: web.Request, _note: Note) -> web.StreamResponse:
        """A package index with one wheel."""
        wheel = self.directory / "minutes_helper-1.0-py3-none-any.whl"
        if request.path.endswith(".whl"):
            return web.Response(body=wheel.read_bytes(), content_type="application/octet-stream")
        if not wheel.exists():
            build_wheel(wheel)
        found = hashlib.sha256(wheel.read_bytes()).hexdigest()
        page = f'<!doctype html><a href="/files/{wheel.name}#sha256={found}">{wheel.name}</a>'
        return web.Response(text=page, content_type="text/html")

    async def _git(self, request: web.Request, note: Note) -> web.StreamResponse:
        """Git's own smart HTTP back end, as a CGI program."""
        environment = {
            "GIT_PROJECT_ROOT": str(self.directory / "git"),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": request.path,
            "QUERY_STRING": request.query_string,
            "REQUEST_METHOD": request.method,
            "CONTENT_TYPE": request.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(note.octets),
            "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
            "REMOTE_USER": "recorder",
            "PATH": "/usr/bin:/bin",
        }
        process = await asyncio.create_subprocess_exec(
            GIT_BACKEND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )
        told, _ = await process.communicate(bytes(note.body))
        head, _, body = told.partition(b"\r\n\r\n")
        lines = dict(line.decode().split(": ", 1) for line in head.splitlines())
        status = int(lines.pop("Status", "200").split()[0])
        return web.Response(status=status, headers=lines, body=body)


async def _echo(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    return socket


async def _plain(request: web.Request, note: Note) -> web.StreamResponse:
    """Any service that answers JSON: what it took, and by which method."""
    return web.json_response(
        {"ok": True, "method": request.method, "octets": note.octets, "sha256": note.sha256}
    )


async def _openai(request: web.Request, note: Note) -> web.StreamResponse:
    """The few answers that the openai package reads."""
    answers: dict[tuple[str, str], object] = {
        ("POST", "/v1/files"): {
            "id": "file-1", "object": "file", "bytes": note.octets, "created_at": 1, "filename": "f",
            "purpose": "assistants", "status": "processed",
        },
        ("POST", "/v1/chat/completions"): {
            "id": "chat-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": SUMMARY}}],
        },
        ("POST", "/v1/embeddings"): {
            "object": "list", "model": "text-embedding-3-small",
            "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
            "usage": {"prompt_tokens": 1, "total_tokens": 1},
        },
        ("POST", "/v1/audio/transcriptions"): {"text": "Good morning."},
        ("GET", "/v1/fine_tuning/jobs"): {"object": "list", "data": [], "has_more": False},
    }  # fmt: skip
    found = answers.get((request.method, request.path))
    return web.json_response(found if found is not None else {"octets": note.octets, "sha256": note.sha256})


async def _hugging_face(request: web.Request, note: Note) -> web.StreamResponse:
    """The Hub's answers to a download; an upload gets this far only where the gateway lets it."""
    if "/resolve/" in request.path:
        fields = {"ETag": '"e1"', "X-Repo-Commit": COMMIT, "Content-Length": str(len(DATASET_FILE))}
        return web.Response(headers=fields, body=b"" if request.method == "HEAD" else DATASET_FILE)
    return web.json_response({"sha": COMMIT, "id": "acme/minutes", "octets": note.octets})


def build_wheel(path: Path) -> None:
    """The least that pip takes for a wheel."""
    info = "minutes_helper-1.0.dist-info"
    files = {
        "minutes_helper.py": "",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: minutes-helper\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(name, content)


def parsed(note: Note) -> object:
    """A request's body as JSON."""
    return json.loads(bytes(note.body))
