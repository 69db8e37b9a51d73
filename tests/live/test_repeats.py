"""Heads that come again on a connection of the engine: what is made of them is kept, and judged is what comes now."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from live.clients import Heard
from live.doubles import by_path, policy
from live.harness import HOST, Setup, facing
from live.origins import Origin, Reply, Seen
from live.test_lean import TAGGED
from subrosa.policy.verdict import Reason

pytestmark = [pytest.mark.asyncio, pytest.mark.parametrize("way", ["h1", "h2"])]

type Ask = Callable[..., Awaitable[Heard]]


async def asking(setup: Setup, origin: Origin, way: str) -> Ask:
    """Asks for a path over one connection, with a body where one is given."""
    where = f"{HOST}:{origin.port}"
    if way == "h2":
        h2 = await setup.h2(origin)

        async def over_h2(path: str, body: bytes = b"", **lines: str) -> Heard:
            fields = [(name.replace("_", "-"), value) for name, value in lines.items()]
            return await h2.ask("POST" if body else "GET", where, path, fields, body=body)

        return over_h2
    h1 = await setup.h1(origin)

    async def over_h1(path: str, body: bytes = b"", **lines: str) -> Heard:
        told = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        first = f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nHost: {where}\r\n"
        h1.write(f"{first}{told}{length}\r\n".encode() + body)
        return await h1.hear()

    return over_h1


async def test_a_head_that_comes_again_is_judged_by_the_policy_of_now(way: str, tmp_path: Path) -> None:
    locked: list[bool] = []
    async with facing(tmp_path, current=policy(), lockdown=lambda: bool(locked)) as (setup, origin):
        ask = await asking(setup, origin, way)
        heard = [(await ask("/head/block")).status for _ in range(3)]
        setup.current[0] = policy(by_path())
        heard += [(await ask("/head/block")).status for _ in range(2)]
        setup.current[0] = policy()
        heard.append((await ask("/head/block")).status)
        locked.append(True)
        heard.append((await ask("/head/block")).status)
        locked.clear()
        heard.append((await ask("/head/block")).status)
        assert heard == [200, 200, 200, 403, 403, 200, 403, 200]
        assert len({one.id for one in setup.recorder.decisions}) == len(heard)
        assert len(origin.tally.requests) == 5


async def test_a_call_that_comes_again_is_judged_by_its_own_body(way: str, tmp_path: Path) -> None:
    quiet, tagged = b'{"a": {"purpose": "model-training"}}', b'{"metadata":{"b":"model-training"}} '
    bodies = [quiet, quiet, tagged, quiet, tagged, quiet]
    async with facing(tmp_path, current=TAGGED) as (setup, origin):
        ask = await asking(setup, origin, way)
        heard = [(await ask("/v1/events", body, content_type="application/json")).status for body in bodies]
        await setup.recorder.at_rest()
        assert heard == [200, 200, 403, 200, 403, 200]
        assert [one.verdict.reason for one in setup.recorder.decisions] == [
            Reason.TRAINING_TAG if body == tagged else Reason.ALLOWED for body in bodies
        ]
        assert [bytes(seen.body) for seen in origin.tally.requests] == [quiet] * 4


async def test_an_answer_that_comes_again_has_its_own_body(way: str, tmp_path: Path) -> None:
    async with facing(tmp_path, Origin(lambda seen: Reply(body=bytes(seen.body)))) as (setup, origin):
        ask = await asking(setup, origin, way)
        bodies = [b"one", b"two", b"three", b"four!", b"six"]
        assert [(await ask("/end/allow", body)).body for body in bodies] == bodies
        await setup.recorder.at_rest()
        assert len({one.sha256 for one in setup.recorder.outcomes}) == len(bodies)


async def test_heads_that_differ_in_one_field_are_two(way: str, tmp_path: Path) -> None:
    def answer(seen: Seen) -> Reply:
        return Reply(body=dict(seen.lines)[b"x-number"])

    async with facing(tmp_path, Origin(answer)) as (setup, origin):
        ask = await asking(setup, origin, way)
        numbers = ["1", "2", "2", "1"]
        assert [(await ask("/head/allow", x_number=one)).body for one in numbers] == [
            one.encode() for one in numbers
        ]
