"""The admin port of a running gateway, as the commands ask it; what goes wrong is one line and exit code 1."""

import contextlib
import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import typer

from subrosa.cli.options import settings_of
from subrosa.cli.output import fail
from subrosa.settings import Settings

SECONDS = 10.0
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where a port is bound, and how it is reached from here
_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the port said; ``body`` is JSON where it could be read as such, else nothing."""

    status: int
    body: Mapping[str, Any]

    @property
    def detail(self) -> str:
        """What is wrong, in the port's own words."""
        return str(self.body.get("detail", ""))


@dataclass(frozen=True, slots=True)
class AdminClient:
    """Asks one admin port."""

    address: str
    token: str = ""

    @classmethod
    def of(cls, config: Path | None, admin: str | None) -> "AdminClient":
        """The port that the settings name, with the token that they name."""
        settings = settings_of(config, {"admin": admin})
        return cls(settings.admin, _token(settings))

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, str] = _NOTHING,
        seconds: float = SECONDS,
    ) -> Answer:
        """Ask, and take any answer."""
        with self._asked(method, path, body, seconds, query) as answer:
            return _read(answer)

    def must(
        self, method: str, path: str, body: object = None, *, query: Mapping[str, str] = _NOTHING
    ) -> Answer:
        """Ask, and take no answer but a good one."""
        answer = self.ask(method, path, body, query=query)
        self.accept(answer)
        return answer

    def accept(self, answer: Answer) -> None:
        """Tell an answer that is not good, and exit."""
        if answer.status >= http.client.BAD_REQUEST:
            raise self._refused(answer)

    def events(self, path: str, query: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        """The data of server-sent events, until the gateway ends them."""
        with self._asked("GET", path, None, None, query) as answer:
            if answer.status != http.client.OK:
                raise self._refused(_read(answer))
            while line := answer.readline():
                if line.startswith(b"data:"):
                    yield json.loads(line[5:])

    @contextlib.contextmanager
    def _asked(
        self, method: str, path: str, body: object, seconds: float | None, query: Mapping[str, str]
    ) -> Iterator[http.client.HTTPResponse]:
        host, _, port = self.address.rpartition(":")
        host = host.strip("[]")
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        target = f"{path}?{urlencode(query)}" if query else path
        connection = http.client.HTTPConnection(_ANYWHERE.get(host, host), int(port), timeout=SECONDS)
        try:
            connection.connect()
            connection.sock.settimeout(seconds)
            connection.request(method, target, json.dumps(body) if body is not None else None, headers)
            yield connection.getresponse()
        except (OSError, http.client.HTTPException) as fault:
            why = (getattr(fault, "strerror", None) or str(fault) or type(fault).__name__).lower()
            line = (
                f"no gateway answers on http://{self.address}/ ({why}): is `subrosa run` up? give --admin H:P"
            )
            raise typer.Exit(fail([line])) from None
        finally:
            connection.close()

    def _refused(self, answer: Answer) -> typer.Exit:
        told = answer.detail or "it says nothing more"
        return typer.Exit(fail([f"http://{self.address}/ answers {answer.status}: {told}"]))


def _token(settings: Settings) -> str:
    file = settings.admin_token_file
    if file is None:
        return ""
    try:
        return file.read_text().strip()
    except OSError as fault:
        why = (fault.strerror or str(fault)).lower()
        raise typer.Exit(fail([f"admin token file `{file}` cannot be read: {why}"])) from None


def _read(answer: http.client.HTTPResponse) -> Answer:
    try:
        body = json.loads(answer.read())
    except ValueError:
        body = None
    return Answer(answer.status, body if isinstance(body, dict) else {})
