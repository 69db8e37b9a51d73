"""Promise 6. Transport parity.

The pure part, with the lanes' own way from the wire to a head. The live one is ``tests/live/test_transport_parity.py``.
"""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from property.seeds import Transfer, head_of, judge, judge_head, raw_of
from property.strategies import composed, seeds
from subrosa.facts.head import RawHead, check_head
from subrosa.facts.hosts import Authority, Host
from subrosa.facts.records import ClientFacts, ConnectFacts, RequestHead, TlsFacts
from subrosa.gateway.heads import raw_h2_head, raw_head
from subrosa.gateway.session import Session

type Line = tuple[bytes, bytes]

ANYWHERE = Host.parse("192.0.2.7")
HOPS = frozenset(b"connection upgrade te transfer-encoding keep-alive host content-length".split())


def session(way: str, authority: Authority, *, tls: bool) -> Session:
    """What a lane knows of the connection that a request came over."""
    sni = authority.host if authority.host.address is None else None
    scheme = "https" if tls else "http"
    told: dict[str, Any] = {
        "listener": SimpleNamespace(target=(scheme, authority) if way == "reverse" else None),
        "tls": TlsFacts(sni=sni) if tls and way != "reverse" else None,
        "target": authority if way in ("connect", "socks") else None,
        "original": Authority(ANYWHERE, authority.port) if way == "transparent" else None,
    }
    return cast("Session", SimpleNamespace(**told))


def h1_lines(draw: DrawFn, transfer: Transfer, lines: list[Line], host: bytes) -> list[Line]:
    """Host in front, and a body framed by its length or in chunks."""
    framed: list[Line] = []
    if transfer.body and draw(st.booleans()):
        framed = [(b"Transfer-Encoding", b"chunked")]
    elif transfer.body or transfer.method in ("POST", "PUT"):
        framed = [(b"Content-Length", b"%d" % len(transfer.body))]
    return [(b"Host", host), *lines, *framed]


@st.composite
def heads(draw: DrawFn, transfer: Transfer) -> tuple[RawHead, ConnectFacts, TlsFacts | None]:
    """The transfer's head as it comes over some transport."""
    raw = raw_of(transfer)
    host = next(value for name, value in raw.lines if name.lower() == b"host")
    authority = Authority.parse(host, 443 if raw.tls else 80)
    path = raw.target if raw.target.startswith(b"/") else b"/" + raw.target.split(b"/", 3)[3]
    way = draw(
        st.sampled_from(["connect", "socks", "transparent", "reverse", *([] if raw.tls else ["absolute"])])
    )
    lane = session(way, authority, tls=raw.tls)
    lines = [line for line in raw.lines if line[0].lower() not in HOPS]
    if raw.tls and draw(st.booleans()):
        pseudo = [(b":method", raw.method), (b":scheme", b"https"), (b":path", path), (b":authority", host)]
        counted = (
            [(b"content-length", b"%d" % len(transfer.body))] if transfer.body and draw(st.booleans()) else []
        )
        fields = [*draw(st.permutations(pseudo)), *((name.lower(), value) for name, value in lines), *counted]
        told = raw_h2_head(lane, fields, end_of_stream=not transfer.body)
    else:
        named = b"recorder.gateway.internal:8443" if way == "reverse" else host
        target = raw.target if way == "absolute" else path
        told = raw_head(lane, raw.method, target, "HTTP/1.1", h1_lines(draw, transfer, lines, named))
    client = ClientFacts(listener=f"{way}:1080", address=draw(st.ip_addresses()))
    return told, ConnectFacts(client=client, target=lane.target), lane.tls


def facts(head: RequestHead) -> tuple[object, ...]:
    """What a head says, without what one hop says to the next."""
    lines = tuple((name.lower(), value) for name, value in head.fields.lines if name.lower() not in HOPS)
    return head.method, head.scheme, head.authority, head.path, head.query, lines, head.has_body


@settings(max_examples=400)
@given(st.data())
def test_promise_06_transport_parity(data: st.DataObject) -> None:
    transfer = data.draw(st.one_of(seeds, composed()))
    plain = replace(
        transfer,
        lines=tuple(line for line in transfer.lines if line[0].lower().encode() not in HOPS),
    )
    before = judge(plain)
    assume(before.inspection is not None)
    raw, connect, tls = data.draw(heads(plain))
    head = check_head(raw)

    assert facts(head) == facts(head_of(plain))
    assert judge_head(plain, head, connect=connect, tls=tls).verdict == before.verdict
