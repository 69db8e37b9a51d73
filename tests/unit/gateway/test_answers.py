import pytest
from hypothesis import given
from hypothesis import strategies as st

from subrosa.gateway.bodies import UNTIL_CLOSE
from subrosa.gateway.lean.answers import AnswerError, AnswerHead, Answers

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A:  b \r\n\r\n"


def take(octets: bytes, *, to_head: bool = False) -> AnswerHead | None:
    return Answers(1000).take(bytearray(octets), to_head=to_head)


@given(cut=st.integers(0, len(OK)))
def test_a_head_is_read_once_it_is_whole_and_the_body_stays(cut: int) -> None:
    answers, data = Answers(1000), bytearray(OK[:cut])
    head = answers.take(data, to_head=False)
    assert (head is None) is (cut < len(OK))
    if head is None:
        data += OK[cut:] + b"ok"
        head = answers.take(data, to_head=False)
        assert data == b"ok"
    assert head is not None
    assert (head.version, head.status, head.reason, head.size) == (b"HTTP/1.1", 200, b"OK", 2)
    assert head.lines == ((b"Content-Length", b"2"), (b"X-A", b"b"))


@pytest.mark.parametrize(
    ("lines", "size", "persistent"),
    [
        pytest.param(b"200 OK\r\nContent-Length: 0\r\n", 0, True, id="no octets"),
        pytest.param(b"200\r\nTransfer-Encoding: Chunked\r\n", None, True, id="chunks, and no reason"),
        pytest.param(b"200 OK\r\n", UNTIL_CLOSE, False, id="all there is"),
        pytest.param(b"204 No Content\r\n", 0, True, id="no content"),
        pytest.param(b"304 Not Modified\r\nContent-Length: 9\r\n", 0, True, id="the length of what was not modified"),
        pytest.param(b"101 Switching Protocols\r\n", 0, True, id="a switch"),
        pytest.param(b"200 OK\r\nContent-Length: 1\r\nConnection: x, Close\r\n", 1, False, id="the last answer"),
        pytest.param(b"200 OK\r\nTransfer-Encoding: identity\r\n", UNTIL_CLOSE, False, id="as it is"),
    ],
)  # fmt: skip
def test_a_body_is_framed_as_its_head_says(lines: bytes, size: int | None, *, persistent: bool) -> None:
    head = take(b"HTTP/1.1 " + lines + b"\r\n")
    assert head is not None
    assert (head.size, head.persistent) == (size, persistent)


def test_an_answer_to_head_has_no_body_whatever_it_says() -> None:
    head = take(OK, to_head=True)
    assert head is not None
    assert head.size == 0


def test_a_server_of_http_1_0_keeps_the_connection_only_where_it_says_so() -> None:
    plain = take(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n")
    kept = take(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n")
    assert plain is not None
    assert kept is not None
    assert (plain.persistent, kept.persistent) == (False, True)


def test_interim_answers_are_read_over() -> None:
    head = take(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + OK)
    assert head is not None
    assert head.status == 200


@pytest.mark.parametrize(
    "octets", [OK.replace(b"\r\n", b"\n"), OK.replace(b"\r\nX", b"\nX"), OK[:-2] + b"\n"]
)
def test_lines_that_end_in_lf_alone_are_read_as_some_servers_send_them(octets: bytes) -> None:
    head = take(octets)
    assert head is not None
    assert head.lines == ((b"Content-Length", b"2"), (b"X-A", b"b"))


def test_a_folded_line_is_unfolded() -> None:
    head = take(b"HTTP/1.1 204 X\r\nX-A: b\r\n\t c\r\n\r\n")
    assert head is not None
    assert head.lines == ((b"X-A", b"b c"),)


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n", id="two lengths"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", id="both framings"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", id="a coding nobody asked for"),
        pytest.param(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", id="chunks of HTTP/1.0"),
        pytest.param(b"HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\n", id="chunks of no content"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n", id="a length with a sign"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n", id="a list of lengths"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n 2\r\n\r\n", id="a folded length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX A: b\r\n\r\n", id="a blank in a name"),
        pytest.param(b"HTTP/1.1 200 OK\r\n: b\r\n\r\n", id="no name"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-A\r\n\r\n", id="no colon"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-A: b\rc\r\n\r\n", id="a bare CR"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-A: b\0c\r\n\r\n", id="a NUL"),
        pytest.param(b"HTTP/2 200 OK\r\n\r\n", id="another version"),
        pytest.param(b"HTTP/1.1 20 OK\r\n\r\n", id="a status of two digits"),
        pytest.param(b"okHTTP/1.1 200 OK\r\n\r\n", id="the rest of a body before it"),
        pytest.param(b"\r\n\r\n", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 2000, id="no end within the limit"),
    ],
)  # fmt: skip
def test_an_answer_without_one_reading_is_none(octets: bytes) -> None:
    with pytest.raises(AnswerError):
        take(octets)


def test_a_head_that_comes_again_is_the_same_and_another_is_not() -> None:
    answers = Answers(1000)
    first = answers.take(bytearray(OK), to_head=False)
    assert answers.take(bytearray(OK + b"ok"), to_head=False) is first
    to_head = answers.take(bytearray(OK), to_head=True)
    assert to_head is not None
    assert to_head.size == 0
    again = answers.take(bytearray(OK), to_head=False)
    assert again == first
    other = answers.take(bytearray(OK.replace(b"200 OK", b"201 OK")), to_head=False)
    assert other is not None
    assert other.status == 201
