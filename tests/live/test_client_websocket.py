"""WebSocket clients. The asyncio client, since the threaded one reads and writes one TLS object at the same time."""

import asyncio

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from live.sdk.places import Places
from live.sdk.process import Gateway

CHAT, DEEPGRAM = "chat.example.com", "api.deepgram.com"
SPEECH = bytes(range(256)) * 1024


def wss(places: Places, host: str, target: str) -> str:
    return places[host].origin.replace("https", "wss", 1) + target


async def spoken(url: str, *messages: str | bytes) -> list[str | bytes]:
    """Send each message, and what came back for it."""
    async with asyncio.timeout(30), connect(url) as socket:
        found: list[str | bytes] = []
        for message in messages:
            await socket.send(message)
            found.append(await socket.recv())
        return found


def test_a_websocket_to_an_ordinary_service_carries_both_ways(
    places: Places, through_gateway: Gateway
) -> None:
    messages = ("hello", SPEECH, "bye")
    with through_gateway.watching(CHAT) as trial:
        assert asyncio.run(spoken(wss(places, CHAT, "/socket"), *messages)) == list(messages)
    assert {each["verdict"] for each in trial.decisions} == {"allow"}


def test_speech_for_a_vendor_that_trains_by_default_is_refused_at_the_handshake(
    places: Places, through_gateway: Gateway
) -> None:
    with through_gateway.watching(DEEPGRAM) as trial, pytest.raises(InvalidStatus) as refused:
        asyncio.run(spoken(wss(places, DEEPGRAM, "/v1/listen?model=nova-3")))
    trial.refused("pledge.vendor-default")
    response = refused.value.response
    assert response.status_code == 403
    assert b"mip_opt_out=true" in (response.body or b"")


def test_speech_passes_with_the_vendor_s_opt_out(places: Places, through_gateway: Gateway) -> None:
    target = "/v1/listen?model=nova-3&mip_opt_out=true"
    with through_gateway.watching(DEEPGRAM) as trial:
        assert asyncio.run(spoken(wss(places, DEEPGRAM, target), SPEECH)) == [SPEECH]
    assert {each["verdict"] for each in trial.decisions} == {"allow"}
