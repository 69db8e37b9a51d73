import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from live.sdk.places import Places
from live.sdk.process import Gateway

CHAT, DEEPGRAM = "chat.example.com", "api.deepgram.com"
SPEECH = bytes(range(256)) * 1024


def wss(places: Places, host: str, target: str) -> str:
    return places[host].origin.replace("https", "wss", 1) + target


def test_a_websocket_to_an_ordinary_service_carries_both_ways(
    places: Places, through_gateway: Gateway
) -> None:
    with through_gateway.watching(CHAT) as trial, connect(wss(places, CHAT, "/socket")) as socket:
        for message in ("hello", SPEECH, "bye"):
            socket.send(message)
            assert socket.recv(timeout=30) == message
    assert {each["verdict"] for each in trial.decisions} == {"allow"}


def test_speech_for_a_vendor_that_trains_by_default_is_refused_at_the_handshake(
    places: Places, through_gateway: Gateway
) -> None:
    with through_gateway.watching(DEEPGRAM) as trial, pytest.raises(InvalidStatus) as refused:
        connect(wss(places, DEEPGRAM, "/v1/listen?model=nova-3"))
    trial.refused("pledge.vendor-default")
    response = refused.value.response
    assert response.status_code == 403
    assert b"mip_opt_out=true" in (response.body or b"")


def test_speech_passes_with_the_vendor_s_opt_out(places: Places, through_gateway: Gateway) -> None:
    target = "/v1/listen?model=nova-3&mip_opt_out=true"
    with through_gateway.watching(DEEPGRAM) as trial, connect(wss(places, DEEPGRAM, target)) as socket:
        socket.send(SPEECH)
        assert socket.recv(timeout=30) == SPEECH
    assert {each["verdict"] for each in trial.decisions} == {"allow"}
