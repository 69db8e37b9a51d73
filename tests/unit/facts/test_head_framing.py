from collections.abc import Callable

import pytest

from subrosa.facts.fields import Fields
from subrosa.facts.head import (
    HeadError,
    HeadFault,
    HeadLimits,
    RawHead,
    check_head,
    check_trailers,
)
from unit.facts.heads import HOST, Line, h1, h2, refused


@pytest.mark.parametrize(
    ("raw", "has_body", "length"),
    [
        pytest.param(h1(), False, None, id="no length and no coding: no body follows"),
        pytest.param(h1((b"content-length", b"0")), False, 0, id="length 0: no body follows"),
        pytest.param(h1((b"content-length", b"0012")), True, 12, id="zeros before a length are nothing"),
        pytest.param(h1((b"content-length", b"9" * 18)), True, 10**18 - 1, id="18 digits are a length"),
        pytest.param(h1((b"transfer-encoding", b"chunked")), True, None, id="chunked: a body follows"),
        pytest.param(h1((b"Transfer-Encoding", b"CHUNKED")), True, None, id="in capitals too"),
        pytest.param(
            h1((b"Transfer-Encoding", b"\t chunked ")), True, None, id="white space around is nothing"
        ),
        pytest.param(h1(method=b"GET"), False, None, id="GET without a body"),
        pytest.param(h1((b"content-length", b"0"), method=b"GET"), False, 0, id="GET with length 0"),
        pytest.param(h1((b"content-length", b"3"), method=b"DELETE"), True, 3, id="DELETE may carry a body"),
        pytest.param(h2(), True, None, id="HTTP/2: an open stream may carry a body"),
        pytest.param(h2((b"content-length", b"12")), True, 12, id="HTTP/2 with a length"),
        pytest.param(
            h2((b"content-length", b"0")), True, 0, id="HTTP/2 with length 0 is not certain before its end"
        ),
        pytest.param(h2(end=True), False, None, id="HTTP/2: an ended stream carries none"),
        pytest.param(h2((b"content-length", b"0"), end=True), False, 0, id="HTTP/2: ended, with length 0"),
    ],
)
def test_framing_says_whether_a_body_follows(raw: RawHead, has_body: bool, length: int | None) -> None:
    head = check_head(raw)

    assert (head.has_body, head.length) == (has_body, length)


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(
            [(b"content-length", b"5"), (b"transfer-encoding", b"chunked")], id="a length and a coding"
        ),
        pytest.param(
            [(b"transfer-encoding", b"chunked"), (b"content-length", b"0")], id="in the other order, length 0"
        ),
        pytest.param([(b"content-length", b"5"), (b"content-length", b"6")], id="two lengths"),
        pytest.param([(b"content-length", b"5"), (b"Content-Length", b"5")], id="one length twice"),
        pytest.param([(b"content-length", b"5, 5")], id="a list of lengths"),
        pytest.param([(b"content-length", b"+5")], id="a length with a plus"),
        pytest.param([(b"content-length", b"-5")], id="a length with a minus"),
        pytest.param([(b"content-length", b"0x5")], id="a length in hex"),
        pytest.param([(b"content-length", b"1_0")], id="a length with an underscore"),
        pytest.param([(b"content-length", b"5.0")], id="a length with a point"),
        pytest.param([(b"content-length", b"1e3")], id="a length with an exponent"),
        pytest.param([(b"content-length", b"5 5")], id="a length with a blank"),
        pytest.param([(b"content-length", b"")], id="an empty length"),
        pytest.param([(b"content-length", b"9" * 19)], id="a length of 19 digits"),
        pytest.param([(b"content-length", "\u0665".encode())], id="a length in other digits"),
        pytest.param([(b"transfer-encoding", b"chunked, chunked")], id="chunked twice"),
        pytest.param(
            [(b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"chunked")],
            id="chunked on two lines",
        ),
        pytest.param([(b"transfer-encoding", b"gzip, chunked")], id="another coding before"),
        pytest.param([(b"transfer-encoding", b"chunked, identity")], id="another coding behind"),
        pytest.param([(b"transfer-encoding", b"identity")], id="identity"),
        pytest.param([(b"transfer-encoding", b"xchunked")], id="a longer word"),
        pytest.param([(b"transfer-encoding", b'"chunked"')], id="quotes"),
        pytest.param([(b"transfer-encoding", b"chunked;q=1")], id="a parameter"),
        pytest.param([(b"transfer-encoding", b",chunked")], id="an empty element"),
        pytest.param([(b"transfer-encoding", b"")], id="an empty coding"),
        pytest.param([(b"transfer-encoding", b"\xa0chunked")], id="a blank that is not ASCII"),
        pytest.param([(b"transfer-encoding", b"chun ked")], id="a blank inside"),
    ],
)
def test_framing_in_two_ways_or_none_is_refused(lines: list[Line]) -> None:
    fault = refused(h1(*lines))

    assert (fault.status, fault.reason_code) == (400, HeadFault.FRAMING)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(
            RawHead(
                version="HTTP/1.0",
                method=b"POST",
                target=b"/",
                lines=(HOST, (b"transfer-encoding", b"chunked")),
            ),
            id="HTTP/1.0 knows no chunks",
        ),
        pytest.param(h2((b"content-length", b"5"), end=True), id="HTTP/2 that ends before its length"),
        pytest.param(
            RawHead(version="HTTP/1.1", method=b"POST", target=b"/", lines=(HOST,), trailers_announced=True),
            id="trailers without chunks",
        ),
    ],
)
def test_framing_that_the_version_does_not_know_is_refused(raw: RawHead) -> None:
    assert refused(raw).reason_code is HeadFault.FRAMING


@pytest.mark.parametrize(
    "name", [b"\x0bchunked", b"chunked\x0c", b"chunked\x00", b"x\rchunked", b"chunked\n x"]
)
def test_a_coding_behind_a_control_character_is_refused(name: bytes) -> None:
    assert refused(h1((b"transfer-encoding", name))).reason_code is HeadFault.FIELD_VALUE


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
@pytest.mark.parametrize("line", [(b"content-length", b"1"), (b"transfer-encoding", b"chunked")])
def test_a_body_on_get_is_refused(method: bytes, line: Line) -> None:
    fault = refused(h1(line, method=method))

    assert (fault.status, fault.reason_code) == (403, HeadFault.BODY_NOT_ALLOWED)


def test_a_body_on_get_is_refused_on_http2_where_its_length_tells() -> None:
    assert refused(h2((b"content-length", b"1"), method=b"GET")).reason_code is HeadFault.BODY_NOT_ALLOWED


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        pytest.param((b"", b"x"), HeadFault.FIELD_NAME, id="an empty name"),
        pytest.param((b"x y", b"z"), HeadFault.FIELD_NAME, id="a blank in a name"),
        pytest.param((b"content-length ", b"5"), HeadFault.FIELD_NAME, id="a blank before the colon"),
        pytest.param((b" content-length", b"5"), HeadFault.FIELD_NAME, id="a folded line taken for a name"),
        pytest.param((b"content-length\t", b"5"), HeadFault.FIELD_NAME, id="a tab before the colon"),
        pytest.param((b":authority", b"x"), HeadFault.FIELD_NAME, id="a pseudo field among the fields"),
        pytest.param((b"x:y", b"z"), HeadFault.FIELD_NAME, id="a colon in a name"),
        pytest.param((b"x\0", b"z"), HeadFault.FIELD_NAME, id="a NUL in a name"),
        pytest.param((b"x\r\ny", b"z"), HeadFault.FIELD_NAME, id="a line break in a name"),
        pytest.param(("é".encode(), b"z"), HeadFault.FIELD_NAME, id="a name that is not ASCII"),
        pytest.param((b"content_length", b"5"), HeadFault.FIELD_NAME, id="an underscore twin of a length"),
        pytest.param(
            (b"Transfer_Encoding", b"chunked"), HeadFault.FIELD_NAME, id="an underscore twin of a coding"
        ),
        pytest.param(
            (b"content_encoding", b"gzip"), HeadFault.FIELD_NAME, id="an underscore twin of a content coding"
        ),
        pytest.param((b"x", b"a\0b"), HeadFault.FIELD_VALUE, id="a NUL in a value"),
        pytest.param((b"x", b"a\rb"), HeadFault.FIELD_VALUE, id="a bare CR in a value"),
        pytest.param((b"x", b"a\nb"), HeadFault.FIELD_VALUE, id="a bare LF in a value"),
        pytest.param((b"x", b"a\r\n b"), HeadFault.FIELD_VALUE, id="a folded line"),
        pytest.param((b"x", b"a\x0bb"), HeadFault.FIELD_VALUE, id="a vertical tab in a value"),
        pytest.param((b"x", b"a\x7f"), HeadFault.FIELD_VALUE, id="a DEL in a value"),
    ],
)
@pytest.mark.parametrize("make", [h1, h2], ids=["http/1.1", "http/2"])
def test_a_field_line_with_an_octet_that_does_not_belong_is_refused(
    make: Callable[..., RawHead], line: Line, fault: HeadFault
) -> None:
    error = refused(make(line))

    assert (error.status, error.reason_code) == (400, fault)


def test_other_names_with_an_underscore_and_text_that_is_not_ascii_pass() -> None:
    head = check_head(h1((b"x_custom", b"a\tb"), (b"x-name", "é".encode())))

    assert head.fields.one("x_custom") == "a\tb"


@pytest.mark.parametrize(
    ("raw", "limits", "status", "fault"),
    [
        pytest.param(
            h1((b"a", b"")), HeadLimits(fields=1), 431, HeadFault.TOO_MANY_FIELDS, id="one field too many"
        ),
        pytest.param(
            h1(*[(b"a", b"")] * 128),
            HeadLimits(),
            431,
            HeadFault.TOO_MANY_FIELDS,
            id="129 fields are too many",
        ),
        pytest.param(
            h1((b"a", b"x" * 32768)),
            HeadLimits(),
            431,
            HeadFault.FIELD_TOO_LARGE,
            id="a line of 32 KiB and one octet",
        ),
        pytest.param(
            h1(*[(b"a", b"x" * 32000)] * 3), HeadLimits(), 431, HeadFault.HEAD_TOO_LARGE, id="a head of 96 KB"
        ),
        pytest.param(
            h1(target=b"/" + b"x" * 16384),
            HeadLimits(),
            414,
            HeadFault.TARGET_TOO_LONG,
            id="a target of 16 KiB + 1",
        ),
    ],
)
def test_a_head_over_a_limit_is_refused(
    raw: RawHead, limits: HeadLimits, status: int, fault: HeadFault
) -> None:
    error = refused(raw, limits)

    assert (error.status, error.reason_code) == (status, fault)


def test_a_head_at_every_limit_passes() -> None:
    check_head(h1(*[(b"a", b"")] * 127))
    check_head(h1((b"a", b"x" * 32767), target=b"/" + b"x" * 16383))


def test_trailers_are_checked_like_a_head_and_may_carry_tags() -> None:
    assert (
        check_trailers([(b"X-Amz-Tagging", b"purpose=ml-training")]).one("x-amz-tagging")
        == "purpose=ml-training"
    )
    assert check_trailers([]) == Fields()
    for line, fault in (
        ((b"content-length", b"5"), HeadFault.TRAILER),
        ((b"Host", b"x"), HeadFault.TRAILER),
        ((b"x", b"a\nb"), HeadFault.FIELD_VALUE),
        ((b"x y", b""), HeadFault.FIELD_NAME),
    ):
        with pytest.raises(HeadError) as caught:
            check_trailers([line])
        assert caught.value.reason_code is fault


def test_every_fault_has_a_status_of_its_own_kind() -> None:
    assert {HeadError(fault, "").status for fault in HeadFault} == {400, 403, 405, 414, 417, 431, 505}
