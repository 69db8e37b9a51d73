"""WebSocket clients. The asyncio client, since the threaded one reads and writes one TLS object at the same time."""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

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


# --- messages ------------------------------------------------------------------------------------------------

AGENT = "/v1/agent/converse"
SETTINGS = {"type": "Settings", "audio": {"input": {"encoding": "linear16"}}, "agent": {"language": "en"}}
OPTED_OUT = json.dumps({**SETTINGS, "mip_opt_out": True})
TAGGED = json.dumps({"text": "the minutes", "metadata": {"purpose": "model-training"}})

type Message = str | bytes | Sequence[str] | Sequence[bytes]


async def until_closed(
    url: str, *messages: Message, answered: bool = True, **options: Any
) -> tuple[list[str | bytes], int | None, str]:
    """What came back, and with which code and reason the socket was closed."""
    found: list[str | bytes] = []
    async with asyncio.timeout(30), connect(url, **options) as socket:
        with contextlib.suppress(ConnectionClosed):
            for message in messages:
                await socket.send(message)
                if answered:
                    found.append(await socket.recv())
        await socket.wait_closed()
    return found, socket.close_code, socket.close_reason or ""


def test_a_voice_agent_that_opts_out_in_its_first_message_may_speak(
    places: Places, through_gateway: Gateway
) -> None:
    with through_gateway.watching(DEEPGRAM) as trial:
        answers = asyncio.run(spoken(wss(places, DEEPGRAM, AGENT), OPTED_OUT, SPEECH, "{}"))
    assert answers == [OPTED_OUT, SPEECH, "{}"]
    assert {each["verdict"] for each in trial.decisions} == {"allow"}


def test_a_voice_agent_that_does_not_opt_out_is_closed_before_its_first_message_leaves(
    places: Places, through_gateway: Gateway
) -> None:
    with through_gateway.watching(DEEPGRAM) as trial:
        found, code, reason = asyncio.run(
            until_closed(wss(places, DEEPGRAM, AGENT), json.dumps(SETTINGS), SPEECH)
        )
    assert (found, code) == ([], 1008)
    assert "pledge.vendor-default" in reason
    assert "mip_opt_out=true" in reason
    assert trial.decisions[0]["id"] in reason
    assert len(reason.encode()) <= 123


@pytest.mark.parametrize(
    "tagged",
    [
        pytest.param(TAGGED, id="as text"),
        pytest.param(TAGGED.encode(), id="as binary"),
        pytest.param([TAGGED[:9], TAGGED[9:60], TAGGED[60:]], id="in three fragments"),
        pytest.param([TAGGED[:9].encode(), b"", TAGGED[9:].encode()], id="in binary fragments, one empty"),
    ],
)
@pytest.mark.parametrize(
    "compression", [pytest.param("deflate", id="compressed"), pytest.param(None, id="as it is")]
)
def test_a_tagged_message_is_closed_and_those_before_it_have_passed(
    tagged: Message, compression: str | None, places: Places, through_gateway: Gateway
) -> None:
    found, code, reason = asyncio.run(
        until_closed(wss(places, CHAT, "/socket"), "hello", tagged, compression=compression)
    )
    assert (found, code) == (["hello"], 1008)
    assert "pledge.training-tag" in reason


def test_a_client_that_keeps_sending_hears_why_it_was_closed(
    places: Places, through_gateway: Gateway
) -> None:
    url = wss(places, CHAT, "/socket")
    found, code, reason = asyncio.run(until_closed(url, TAGGED, *[SPEECH] * 200, answered=False))
    assert (found, code) == ([], 1008)
    assert "pledge.training-tag" in reason


def test_a_chat_about_training_passes(places: Places, through_gateway: Gateway) -> None:
    messages = (
        json.dumps({"type": "message", "text": "purpose=model-training, as the deck says"}),
        json.dumps({"title": "AI training for staff", "labels": ["course"]}),
        "[12:01] {not json}",
        "",
        "\u00fcber 16 KiB " * 2000,
    )
    assert asyncio.run(spoken(wss(places, CHAT, "/socket"), *messages)) == list(messages)
