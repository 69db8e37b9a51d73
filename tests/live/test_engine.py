import asyncio
import hashlib
from pathlib import Path

import pytest

from live.harness import HOST, facing
from live.origins import Origin, Reply, pattern
from subrosa.gateway.egress import EgressDenied
from subrosa.gateway.streams import HeldStream

pytestmark = pytest.mark.asyncio


async def test_a_small_request_in_a_tunnel_passes_and_is_recorded_once(tmp_path: Path) -> None:
    async with facing(tmp_path) as (setup, origin):
        client = await setup.h1(origin)
        client.write(
            f"POST /head/allow HTTP/1.1\r\nHost: {HOST}:{origin.port}\r\nContent-Length: 5\r\n\r\nhello".encode()
        )
        heard = await client.hear()
        assert (heard.status, heard.body) == (200, b"ok")
        await setup.recorder.at_rest()
        assert [bytes(seen.body) for seen in origin.tally.requests] == [b"hello"]
        assert len(setup.recorder.decisions) == 1
        assert [(one.sent, one.received, one.upstream_status) for one in setup.recorder.outcomes] == [
            (5, 2, 200)
        ]


async def test_a_refusal_at_the_head_opens_nothing_upstream(tmp_path: Path) -> None:
    async with facing(tmp_path) as (setup, origin):
        client = await setup.h1(origin)
        client.write(
            f"POST /head/block HTTP/1.1\r\nHost: {HOST}:{origin.port}\r\nContent-Length: 5\r\n\r\nhello".encode()
        )
        heard = await client.hear()
        assert heard.status == 403
        assert (origin.tally.connections, setup.egress.asked) == (0, [])
        client.close()
        await setup.recorder.at_rest()


async def test_http2_holds_and_releases(tmp_path: Path) -> None:
    body = pattern(700_000)
    async with facing(tmp_path) as (setup, origin):
        client = await setup.h2(origin)
        heard = await client.ask("POST", f"{HOST}:{origin.port}", "/end/allow", body=body)
        assert (heard.status, heard.end) == (200, "whole")
        assert origin.tally.requests[0].sha256 == hashlib.sha256(body).hexdigest()
        refused = await client.ask("POST", f"{HOST}:{origin.port}", "/end/block", body=body)
        assert (refused.status, refused.end) == (403, "whole")
        again = await client.ask("GET", f"{HOST}:{origin.port}", "/head/allow")
        assert again.status == 200
        assert origin.tally.connections == 1
        await setup.recorder.at_rest()
        client.close()


async def test_what_was_allowed_but_may_not_be_dialled_is_told_as_refused_after_all(tmp_path: Path) -> None:
    async with facing(tmp_path) as (setup, origin):
        setup.egress.fail = EgressDenied("metadata", "the address is the metadata service's")
        client = await setup.h1(origin)
        client.write(f"GET /head/allow HTTP/1.1\r\nHost: {HOST}:{origin.port}\r\n\r\n".encode())
        heard = await client.hear()
        client.close()
        await setup.recorder.at_rest()

        assert heard.status == 403
        assert origin.tally.connections == 0
        assert [one.verdict.allows for one in setup.recorder.decisions] == [True]
        assert [one.refused for one in setup.recorder.outcomes] == ["egress"]


async def test_calls_with_one_head_at_once_are_each_judged_by_their_own_body(tmp_path: Path) -> None:
    async with facing(tmp_path, Origin(lambda seen: Reply(body=bytes(seen.body)))) as (setup, origin):
        client = await setup.h2(origin)
        bodies = [b"%03d" % number for number in range(50)]
        asked = [client.ask("POST", f"{HOST}:{origin.port}", "/end/allow", body=body) for body in bodies]
        assert [heard.body for heard in await asyncio.gather(*asked)] == bodies
        await setup.recorder.at_rest()
        assert len({one.sha256 for one in setup.recorder.outcomes}) == len(bodies)
        client.close()


@pytest.mark.parametrize("fault", [RuntimeError, asyncio.CancelledError])
async def test_what_fails_once_a_decision_is_kept_closes_the_connection(
    fault: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_stream: HeldStream) -> None:
        raise fault

    async with facing(tmp_path) as (setup, origin):
        monkeypatch.setattr(HeldStream, "_release", failing)
        client = await setup.h1(origin)
        client.write(
            f"POST /end/allow HTTP/1.1\r\nHost: {HOST}:{origin.port}\r\nContent-Length: 5\r\n\r\nhello".encode()
        )
        assert (await client.hear()).end != "whole"
        await setup.recorder.at_rest()
        assert origin.tally.requests == []
        assert [one.aborted for one in setup.recorder.outcomes] == ["gateway"]
