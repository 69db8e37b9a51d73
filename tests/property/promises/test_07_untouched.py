"""Promise 7. Untouched when allowed.

Here: what of a head goes on, and that inspecting changes nothing. Octets over real connections, SigV4 and hashes
included, are compared in ``tests/live``.
"""

from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy import http

from property.seeds import Transfer, judge, policy_for, raw_of
from property.strategies import seeds, splits, transfers
from subrosa.facts.head import HeadError, RawHead, check_head, strip_hop_by_hop
from subrosa.gateway import outgoing
from subrosa.loading.running import inspect

type Line = tuple[bytes, bytes]

HOP = frozenset(b"connection keep-alive te transfer-encoding upgrade http2-settings".split())
ENDS = (
    b"Authorization",
    b"X-Amz-Date",
    b"x-amz-content-sha256",
    b"Content-Type",
    b"ETag",
    b"x-odd",
    b"X-ODD",
    b"Cookie",
)
HOPS = (
    b"Connection",
    b"keep-alive",
    b"TE",
    b"Proxy-Authorization",
    b"proxy-x",
    b"HTTP2-Settings",
    b"Trailer",
    b"Expect",
)
values = st.sampled_from(
    [b"", b"a", b"A  B", b"x;q=1, y", b'"q\\"uoted"', "\xe9".encode("latin-1"), b"x-odd", b"close"]
)
field_lines = st.lists(st.tuples(st.sampled_from((*ENDS, *HOPS)), values), max_size=12)


def nominated(lines: list[Line]) -> set[bytes]:
    """What Connection lines name."""
    named = [value for name, value in lines if name.lower() == b"connection"]
    return {one.strip().lower() for value in named for one in value.split(b",")}


@settings(max_examples=200)
@given(field_lines)
def test_promise_07_untouched_when_allowed(lines: list[Line]) -> None:
    """End-to-end lines go on in order, spelling and value; hop-by-hop ones, and what they name, do not."""
    gone = HOP | nominated(lines)
    kept = [
        (name, value)
        for name, value in lines
        if name.lower() not in gone and not name.lower().startswith(b"proxy-")
    ]

    assert list(strip_hop_by_hop(tuple(lines))) == kept


@settings(max_examples=200)
@given(
    field_lines,
    st.sampled_from([b"/v1/%66iles//a?x=%2B&y", b"/", b"/a;b?#", b"/%e2%82%ac/../b", "/\u20ac".encode()]),
)
def test_promise_07_the_request_that_goes_on_is_the_client_s_own(lines: list[Line], target: bytes) -> None:
    sent = [(b"hOST", b"API.acme.Example:443"), *lines, (b"Content-Length", b"5")]
    try:
        head = check_head(RawHead(version="HTTP/1.1", method=b"PuT", target=target, lines=sent, tls=True))
    except HeadError:
        return
    incoming = http.Request(
        host="", port=0, method=b"PuT", scheme=b"https", authority=b"", path=target, http_version=b"HTTP/1.1",
        headers=http.Headers(sent), content=None, trailers=None, timestamp_start=0.0, timestamp_end=None,
    )  # fmt: skip
    going = outgoing.request(incoming, head, http2=False, whole=None, via_proxy=False)

    assert going.data.method == b"PuT"
    assert going.data.path == target
    gone = HOP | nominated(sent) | {b"expect"}
    assert list(going.data.headers.fields) == [
        (name, value)
        for name, value in sent
        if name.lower() not in gone and not name.lower().startswith(b"proxy-")
    ]


@settings(max_examples=200)
@given(st.data())
def test_promise_07_inspecting_changes_nothing(data: st.DataObject) -> None:
    """What a lane gave to the inspection is still there to be sent, head and body."""
    transfer: Transfer = data.draw(transfers)
    raw = raw_of(transfer)
    sent = [(name, value.strip(b" \t")) for name, value in raw.lines]
    pieces = [bytearray(piece) for piece in data.draw(splits(transfer.body))]
    inspection, _ = inspect(policy_for(transfer), transfer)
    if inspection is None:
        return
    for piece in pieces:
        inspection.data(bytes(piece))
    inspection.end()
    head = inspection.subject.facts.head

    assert head is not None
    assert list(head.fields.lines) == sent
    assert b"".join(pieces) == transfer.body


@settings(max_examples=50)
@given(seeds)
def test_promise_07_judging_twice_is_judging_once(transfer: Transfer) -> None:
    """An inspection leaves nothing behind in the policy that all transfers share."""
    before = judge(transfer)
    again = judge(transfer)

    assert again.verdict == before.verdict
    assert again.facts == before.facts
