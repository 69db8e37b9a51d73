"""Rule cases that are told by the messages of a WebSocket: the same end on the wire as in the pure core."""

from pathlib import Path

import pytest
import wsproto
import wsproto.events as ws

from live.clients import trusting, tunnel
from live.harness import gateway
from live.origins import Authority, Origin, serve
from live.test_rule_parity import Anywhere, host_of
from live.test_wire import Echo, until
from property.seeds import STREAMS, Transfer, policy_for, raw_of

CASES = [case for case in STREAMS if case.messages]


def message(octets: bytes) -> ws.Event:
    """Text where it is text, as the clients of these APIs send it."""
    try:
        return ws.TextMessage(data=octets.decode())
    except UnicodeDecodeError:
        return ws.BytesMessage(data=octets)


def test_both_ends_are_among_the_cases() -> None:
    assert {case.expected for case in CASES} == {"allow", "block"}


@pytest.mark.asyncio
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_messages_end_as_their_case_says(case: Transfer, tmp_path: Path) -> None:
    authority, echo, host = Authority(tmp_path), Echo(), host_of(case)
    context = authority.server_context(host, alpn=("http/1.1",))
    async with (
        serve(Origin(raw=echo), context) as origin,
        gateway(tmp_path, current=policy_for(case), trust=authority, egress=Anywhere()) as setup,
    ):
        at = f"{host}:{origin.port}"
        client = setup.kept(await tunnel(setup.port, at, trusting(setup.ca, "http/1.1")))
        conn = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        client.write(conn.send(ws.Request(host=at, target=raw_of(case).target.decode())))
        assert isinstance(await until(client, conn, ws.AcceptConnection), ws.AcceptConnection)
        for octets in case.messages:
            client.write(conn.send(message(octets)))
        if case.expected == "allow":
            client.write(conn.send(ws.CloseConnection(code=1000)))
        closed = await until(client, conn, ws.CloseConnection)
        assert isinstance(closed, ws.CloseConnection)
        await setup.recorder.at_rest()

        assert closed.code == (1000 if case.expected == "allow" else 1008)
        (outcome,) = setup.recorder.outcomes
        assert bool(outcome.refused) is (case.expected == "block")
        passed = b"".join(case.messages if case.expected == "allow" else case.messages[:-1])
        assert passed.startswith(echo.messages) if outcome.refused else echo.messages == passed
        assert case.messages[-1] not in echo.messages or not outcome.refused
