import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subrosa.runtime.workers.messages import (
    Alive,
    Done,
    Drain,
    Failed,
    Flush,
    Forget,
    Load,
    Loaded,
    Lock,
    Message,
    MessageError,
    Records,
    Serve,
    Serving,
    Start,
    Switch,
    Switched,
    Unable,
    decode,
    encode,
)

EVERY: tuple[Message, ...] = (
    Start(settings="{}", sockets=((3, 4), (5, 6)), metrics="/m"),
    Load(number=2, generation=1, rules="/r", today="2026-11-25"),
    Switch(number=2),
    Forget(number=2),
    Serve(slot=1, own=(("127.0.0.1", 8080), ("::1", 9464))),
    Lock(on=True, number=3),
    Drain(),
    Loaded(number=2, digest="ab"),
    Failed(number=2, fault="rules/x.yaml:1:1: no"),
    Switched(number=2),
    Serving(),
    Done(number=3),
    Flush(number=4),
    Alive(evidence="disk full"),
    Unable(faults=("no", "never")),
)


@pytest.mark.parametrize("message", EVERY, ids=lambda message: message.kind)
def test_each_message_survives_the_way(message: Message) -> None:
    assert decode(encode(message)) == message


@pytest.mark.parametrize("message", EVERY, ids=lambda message: message.kind)
def test_a_key_too_many_or_too_few_is_no_message(message: Message) -> None:
    plain = json.loads(encode(message))
    with pytest.raises(MessageError, match=message.kind):
        decode(json.dumps({**plain, "more": 1}).encode())
    for key in set(plain) - {"kind"}:
        with pytest.raises(MessageError):
            decode(json.dumps({name: value for name, value in plain.items() if name != key}).encode())


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"{", id="no JSON"),
        pytest.param(b'{"kind":"unheard-of"}', id="an unknown kind"),
        pytest.param(b'{"kind":"switch","number":"2"}', id="a number in quotes"),
        pytest.param(b'{"kind":"switch","number":2.5}', id="half a number"),
        pytest.param(b'{"kind":"lock","on":1,"number":1}', id="a number for a switch"),
        pytest.param(b'{"kind":"serving","kind":"drain","x":1}', id="two kinds"),
        pytest.param(b'{"kind":"alive","evidence":"\xff"}', id="no UTF-8"),
    ],
)
def test_what_is_no_message_is_refused(octets: bytes) -> None:
    with pytest.raises(MessageError):
        decode(octets)


@given(st.binary(max_size=200))
def test_no_octets_make_it_raise_anything_else(octets: bytes) -> None:
    try:
        decode(octets)
    except MessageError:
        return


def test_records_that_are_encoded_already_are_read_when_they_are_wanted() -> None:
    records = [{"record": "decision", "id": f"{at}", "path": '/"\\'} for at in range(3)]
    message = Records.of([json.dumps(record) for record in records])

    assert decode(encode(message)) == message
    assert message.count == 3
    assert message.read() == records


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b'{"kind":"records","count":0,"records":[]}', id="no records"),
        pytest.param(b'{"kind":"records","records":[]}', id="records that are not counted"),
        pytest.param(b'{"records":[],"count":1,"kind":"records"}', id="another order"),
    ],
)
def test_records_have_one_form(octets: bytes) -> None:
    with pytest.raises(MessageError):
        decode(octets)


@pytest.mark.parametrize(
    ("rest", "found"),
    [
        pytest.param(b"", [], id="cut off"),
        pytest.param(
            b'{"id":"1"},2,{"id":"2","record":"outcome"}]}', [{"id": "2", "record": "outcome"}], id="mixed"
        ),
    ],
)
def test_what_is_no_record_is_left_out(rest: bytes, found: list[object]) -> None:
    message = decode(b'{"kind":"records","count":3,"records":[' + rest)
    assert isinstance(message, Records)
    assert message.read() == found
