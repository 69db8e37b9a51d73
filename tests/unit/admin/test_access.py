import base64

import pytest

from subrosa.admin.access import Access, is_loopback

TOKEN = "correct-horse"


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "right"),
    [
        pytest.param(f"Bearer {TOKEN}", True, id="the token"),
        pytest.param(f"bearer {TOKEN}", True, id="the scheme has no case"),
        pytest.param(basic(f"anyone:{TOKEN}"), True, id="as a browser's password"),
        pytest.param(basic(f":{TOKEN}"), True, id="the user does not matter"),
        pytest.param("", False, id="nothing"),
        pytest.param("Bearer ", False, id="an empty token"),
        pytest.param(f"Bearer {TOKEN}x", False, id="a longer one"),
        pytest.param(f"Bearer {TOKEN[:-1]}", False, id="a shorter one"),
        pytest.param(f"Bearer {TOKEN.upper()}", False, id="another case"),
        pytest.param(TOKEN, False, id="no scheme"),
        pytest.param(f"Digest {TOKEN}", False, id="another scheme"),
        pytest.param("Basic !!!", False, id="no base64"),
        pytest.param("Basic /w==", False, id="no UTF-8"),
        pytest.param(basic(TOKEN), False, id="a password without a colon before it"),
        pytest.param("Bearer bücher", False, id="not ASCII"),
    ],
)
def test_only_the_token_is_the_token(authorization: str, right: bool) -> None:
    assert Access(loopback=False, token=TOKEN).shows_token(authorization) is right


@pytest.mark.parametrize("authorization", ["", "Bearer ", "Basic Og=="])
def test_an_empty_token_lets_nobody_in(authorization: str) -> None:
    access = Access(loopback=False)

    assert access.needs_token
    assert not access.shows_token(authorization)


@pytest.mark.parametrize(
    ("access", "needed"),
    [
        pytest.param(Access(loopback=True), False, id="loopback without a token is open"),
        pytest.param(Access(loopback=True, token=TOKEN), True, id="a token that was set is asked for"),
        pytest.param(Access(loopback=False, token=TOKEN), True, id="off loopback it always is"),
        pytest.param(Access(loopback=False, open=True), False, id="the metrics port is open"),
    ],
)
def test_when_a_token_is_needed(access: Access, needed: bool) -> None:
    assert access.needs_token is needed


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("127.0.0.1:9464", True),
        ("127.0.0.1", True),
        ("127.8.9.10:1", True),
        ("[::1]:9464", True),
        ("[::1]", True),
        ("localhost:9464", True),
        ("LocalHost", True),
        ("localhost.", True),
        ("", False),
        ("evil.example", False),
        ("evil.example:9464", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("0.0.0.0:9464", False),
        ("10.0.0.1", False),
        ("[::]:9464", False),
        ("[::1", True),
        ("127.0.0.1@evil.example", False),
        ("2130706433", False),
    ],
)
def test_on_loopback_only_loopback_is_a_host(host: str, allowed: bool) -> None:
    assert Access(loopback=True).allows_host(host) is allowed
    assert Access(loopback=False, token=TOKEN).allows_host(host)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("gateway", False),
    ],
)
def test_what_counts_as_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
