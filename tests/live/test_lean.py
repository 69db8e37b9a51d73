"""What the lean lane does by itself: connections used again, heads that come again, and whatever fails in it closes."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from live.clients import Heard
from live.doubles import by_path, policy
from live.harness import HOST, Setup, facing
from live.origins import Origin, Reply, Seen
from subrosa.facts.tags import JsonCarrier, TagTable
from subrosa.facts.tagwords import Vocabulary
from subrosa.gateway.lean.answering import Answering
from subrosa.gateway.lean.client import Client
from subrosa.gateway.lean.dialing import Dialler
from subrosa.gateway.lean.exchange import Exchange
from subrosa.gateway.lean.leaves import Leaves
from subrosa.gateway.lean.pipe import Pipe
from subrosa.gateway.lean.upstream import Upstream
from subrosa.policy.conditions import build
from subrosa.policy.rules import Rank, Rule
from subrosa.policy.verdict import Outcome, Reason

TAGGED = replace(
    policy(
        Rule(
            id="pledge.training-tag",
            rank=Rank.SEALED,
            outcome=Outcome.BLOCK,
            reason=Reason.TRAINING_TAG,
            when=build({"tag": "training"}),
        )
    ),
    tags=TagTable(
        json=(JsonCarrier(path="metadata.*"),), vocabulary=Vocabulary(compound=frozenset({"model-training"}))
    ),
)
"""A policy that reads tags in JSON."""

pytestmark = [pytest.mark.asyncio, pytest.mark.lanes("lean")]


def request(origin: Origin, path: str = "/head/allow", *lines: str, method: str = "GET") -> bytes:
    told = (f"{method} {path} HTTP/1.1", f"Host: {HOST}:{origin.port}", *lines, "", "")
    return "\r\n".join(told).encode()


async def ask(setup: Setup, origin: Origin, *lines: str) -> Heard:
    """One request over a connection of its own."""
    client = await setup.h1(origin)
    client.write(request(origin, "/head/allow", *lines))
    heard = await client.hear()
    client.close()
    await setup.recorder.at_rest()
    return heard


# --- connections to destinations -----------------------------------------------------------------------------


async def test_a_connection_serves_the_next_client_too(tmp_path: Path) -> None:
    async with facing(tmp_path) as (setup, origin):
        for _ in range(5):
            assert (await ask(setup, origin)).status == 200
        assert origin.tally.connections == 1
        assert len(setup.egress.asked) == 5


async def test_a_connection_to_an_address_that_may_no_more_be_dialled_serves_nobody(tmp_path: Path) -> None:
    async with facing(tmp_path) as (setup, origin):
        assert (await ask(setup, origin)).status == 200
        setup.egress.table[HOST] = ["127.0.0.2"]
        assert (await ask(setup, origin)).status == 502
        del setup.egress.table[HOST]
        assert (await ask(setup, origin)).status == 502
        assert len(origin.tally.requests) == 1


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        pytest.param("Authorization: NTLM TlRMTVNTUAAB", (), id="a request that logs its connection in"),
        pytest.param(
            "X-A: b", ((b"WWW-Authenticate", b"Negotiate oYH1"),), id="an answer that does so"
        ),
    ],
)  # fmt: skip
async def test_a_connection_that_was_logged_in_to_is_one_clients_alone(
    tmp_path: Path, sent: str, answered: tuple[tuple[bytes, bytes], ...]
) -> None:
    reply = Reply(status=401 if answered else 200, lines=answered)
    async with facing(tmp_path, Origin(lambda _seen: reply)) as (setup, origin):
        client = await setup.h1(origin)
        for _ in range(2):
            client.write(request(origin, "/head/allow", sent))
            assert (await client.hear()).status == reply.status
        assert origin.tally.connections == 1
        client.close()
        await setup.recorder.at_rest()
        await origin.tally.until(lambda tally: tally.closed == 1)
        await ask(setup, origin)
        assert origin.tally.connections == 2


@pytest.mark.parametrize(
    ("method", "last", "status", "connections"),
    [
        pytest.param("GET", b"", 200, 2, id="a request that may be repeated is, once"),
        pytest.param("POST", b"", 502, 1, id="another is not"),
        pytest.param(
            "GET", b"HTTP/1.1 103 Early Hints\r\n\r\n", 502, 1, id="one that was answered somehow is not"
        ),
        pytest.param("GET", b"SSH-2.0-x\r\n\r\n", 502, 1, id="one with an answer that is none is not"),
    ],
)
async def test_a_connection_that_closes_under_a_request(
    tmp_path: Path, method: str, last: bytes, status: int, connections: int
) -> None:
    served: list[int] = []

    async def raw(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(0)
        while await reader.readuntil(b"\r\n\r\n"):
            served[-1] += 1
            if len(served) == 1 and served[0] == 2:
                writer.write(last)  # the second request over the first connection: no answer
                writer.close()
                return
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            await raw(reader, writer)

    async with facing(tmp_path, Origin(raw=serve), alpn=("http/1.1",)) as (setup, origin):
        client = await setup.h1(origin)
        client.write(request(origin))
        assert (await client.hear()).status == 200
        client.write(request(origin, method=method))
        heard = await client.hear()
        assert (heard.status, len(served)) == (status, connections)
        await setup.recorder.at_rest()
        assert len(setup.recorder.decisions) == len(setup.recorder.outcomes) == 2


async def test_an_answer_that_nobody_asked_for_ends_the_connection(tmp_path: Path) -> None:
    async def raw(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
                writer.write(answer + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")

    async with facing(tmp_path, Origin(raw=raw), alpn=("http/1.1",)) as (setup, origin):
        client = await setup.h1(origin)
        for _ in range(3):
            client.write(request(origin))
            assert (await client.hear()).body == b"ok"
        assert origin.tally.connections == 3


# --- heads that come again -----------------------------------------------------------------------------------


async def test_a_head_that_comes_again_is_judged_by_the_policy_of_now(tmp_path: Path) -> None:
    locked: list[bool] = []
    current = policy(by_path())
    async with facing(tmp_path, current=policy(), lockdown=lambda: bool(locked)) as (setup, origin):
        client = await setup.h1(origin)

        async def status() -> int:
            client.write(request(origin, "/head/block"))
            return (await client.hear()).status

        assert [await status() for _ in range(3)] == [200, 200, 200]
        setup.current[0] = current
        assert [await status() for _ in range(2)] == [403, 403]
        setup.current[0] = policy()
        assert await status() == 200
        locked.append(True)
        assert await status() == 403
        locked.clear()
        assert await status() == 200
        setup.current[0] = None
        assert await status() == 503
        reasons = [one.verdict.reason for one in setup.recorder.decisions]
        allowed, blocked = Reason.ALLOWED, Reason.TRAINING_DESTINATION
        assert reasons == [allowed] * 3 + [blocked] * 2 + [allowed, Reason.LOCKDOWN, allowed]
        assert len({one.id for one in setup.recorder.decisions}) == len(reasons)


async def test_a_head_that_comes_again_with_another_body_is_judged_by_that(tmp_path: Path) -> None:
    def answer(seen: Seen) -> Reply:
        return Reply(body=bytes(seen.body))

    async with facing(tmp_path, Origin(answer)) as (setup, origin):
        client = await setup.h1(origin)
        for body in (b"one", b"two", b"six"):
            client.write(request(origin, "/end/allow", "Content-Length: 3", method="POST") + body)
            assert (await client.hear()).body == body
        digests = [one.sha256 for one in setup.recorder.outcomes]
        assert len(set(digests)) == 3


async def test_a_call_that_comes_again_with_another_body_is_judged_by_that(tmp_path: Path) -> None:
    quiet, tagged = b'{"a": {"purpose": "model-training"}}', b'{"metadata":{"b":"model-training"}} '
    bodies = [quiet, quiet, tagged, quiet, tagged, quiet]
    lines = ("Content-Type: application/json", f"Content-Length: {len(quiet)}")
    async with facing(tmp_path, current=TAGGED) as (setup, origin):
        client = await setup.h1(origin)
        heard = []
        for body in bodies:
            client.write(request(origin, "/v1/events", *lines, method="POST") + body)
            heard.append((await client.hear()).status)
        await setup.recorder.at_rest()

        assert heard == [200, 200, 403, 200, 403, 200]
        assert [one.verdict.reason for one in setup.recorder.decisions] == [
            Reason.TRAINING_TAG if body == tagged else Reason.ALLOWED for body in bodies
        ]
        assert [one.tags for one in setup.recorder.decisions][2] == (
            ("json:metadata.*", "b", "model-training"),
        )
        assert len({one.id for one in setup.recorder.decisions}) == len(bodies)
        assert [bytes(one.body) for one in origin.tally.requests] == [quiet] * 4


# --- what fails ----------------------------------------------------------------------------------------------

PLACES: dict[str, tuple[type, str]] = {
    f"{kind.__name__}.{name}": (kind, name)
    for kind, names in (
        (Client, "received advance _next kept uses"),
        (Exchange, "begin take _act _send _pump _put _end_up _onward"),
        (Answering, "answered _tell_head _tell_data _tell_end flush"),
        (Upstream, "received ask"),
        (Dialler, "open"),
        (Leaves, "context"),
        (Pipe, "write write_all"),
    )
    for name in names.split()
}


class BrokenError(Exception):
    pass


def raising(*_: object, **__: object) -> Any:
    raise BrokenError


def cancelling(*_: object, **__: object) -> Any:
    raise asyncio.CancelledError


@pytest.mark.parametrize("way", [raising, cancelling])
@pytest.mark.parametrize("place", PLACES)
async def test_whatever_raises_closes_and_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, way: Callable[..., Any]
) -> None:
    kind, name = PLACES[place]
    async with facing(tmp_path) as (setup, origin):
        monkeypatch.setattr(kind, name, way)
        try:
            client = await setup.h1(origin)
            client.write(request(origin, "/end/allow", "Content-Length: 6", method="POST") + b"SECRET")
            heard = await client.hear()
            await client.closed()
        except OSError:
            heard = Heard(end="reset")  # before TLS was there
        assert heard.status != 200 or heard.end != "whole"
        await setup.recorder.until(lambda told: told.in_flight == 0)
        assert setup.recorder.held_octets == 0
        assert way is cancelling or sum(setup.recorder.causes.values()) >= 1
        monkeypatch.undo()
        assert (await ask(setup, origin)).status == 200
        assert setup.recorder.decisions[-1].verdict.outcome is Outcome.ALLOW
