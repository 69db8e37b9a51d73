"""What must hold of any input: a crash or a broken law is a fault, a refusal is not."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

import wsproto
import wsproto.events
from mitmproxy import connection
from wsproto.connection import ConnectionState
from wsproto.extensions import PerMessageDeflate

from content_kit import KINDS, TAGS, WANT, read
from property.seeds import shipped
from subrosa.content.archives import Archive
from subrosa.content.awschunked import AwsChunked
from subrosa.content.collect import Collector
from subrosa.content.kinds import PREFIX
from subrosa.content.messageframes import Framing, MessageFrames
from subrosa.content.protobuf import ProtobufScan
from subrosa.content.quiet import Quiet
from subrosa.content.shapes import find_shapes
from subrosa.facts.body import BodyFacts
from subrosa.facts.fields import Fields, parse_codings, parse_content_disposition, parse_content_type
from subrosa.facts.head import HeadError, RawHead, check_head
from subrosa.facts.hosts import Authority
from subrosa.facts.paths import Path as UrlPath
from subrosa.facts.paths import Query
from subrosa.facts.references import ObjectReference
from subrosa.facts.unreadable import UnreadableError
from subrosa.gateway.bodies import ChunkedBody, End
from subrosa.gateway.heads import framing, split_head
from subrosa.gateway.nextlayer import Looks, looks_like
from subrosa.gateway.websocket import QuietConnection

ASKED = replace(WANT, references=False)
QUIET = Quiet.of(ASKED, TAGS, KINDS)

type Pieces = Iterable[bytes]
type Check = Callable[[bytes, Pieces], None]


def _told(ask: Callable[[], object]) -> object:
    """What a reader says, or why it says nothing."""
    try:
        return ask()
    except UnreadableError as fault:
        return fault.ambiguity
    except HeadError as fault:
        return fault.reason_code, fault.detail


def body(label: str | None, *codings: str) -> Check:
    """The facts of a body are the same however it is cut."""

    def check(data: bytes, pieces: Pieces) -> None:
        whole, cut = read(data, label, codings), read(pieces, label, codings)
        assert _facts(whole) == _facts(cut)
        assert whole.closed
        assert whole.tags_closed

    return check


def at_one_look(data: bytes, pieces: Pieces) -> None:
    """What is told of a body at one look at the whole of it is what reading it tells."""
    told = QUIET.facts(data, "v1/things") if QUIET is not None else None
    assert told is None or told == read(pieces, "application/json", want=ASKED)


def _facts(facts: BodyFacts) -> BodyFacts:
    facts.detail = ""
    return facts


def text(read: Callable[[str], object]) -> Check:
    """A text has a reading or a reason."""

    def check(data: bytes, _: Pieces) -> None:
        found = read(data.decode("utf-8", "replace"))
        if isinstance(found, UnreadableError):
            assert found.detail
        else:
            assert isinstance(found, tuple)

    return check


def stream(drive: Callable[[Pieces], object]) -> Check:
    """What a streaming reader yields, and where it stops, does not depend on the cuts."""

    def check(data: bytes, pieces: Pieces) -> None:
        assert _told(lambda: drive((data,))) == _told(lambda: drive(pieces))

    return check


def frame(pieces: Pieces) -> object:
    frame = AwsChunked()
    data = b"".join(piece for chunk in pieces for piece in frame.feed(chunk))
    return data + b"".join(frame.end()), tuple(frame.trailers)


def messages(pieces: Pieces) -> object:
    frames = MessageFrames(Framing("gzip", json=False), 4096)
    found = [frame for chunk in pieces for frame in frames.feed(chunk)]
    frames.end()
    return found


def websocket(pieces: Pieces) -> object:
    """Messages that are judged, what goes on, and how it closes."""
    relay = _Relay()
    for chunk in pieces:
        relay.client.receive_data(chunk)
        for event in relay.client.events():
            relay.take(event)
        if relay.closed is not None:
            break
    return relay.judged, relay.closed, relay.client.octets, bytes(relay.client.answers)


class _Relay:
    """Does with events what mitmproxy's `WebsocketLayer.relay_messages` does."""

    def __init__(self) -> None:
        self.client, self.server = _side(wsproto.ConnectionType.SERVER), _side(wsproto.ConnectionType.CLIENT)
        self.client.may_pass = self._judge
        self.judged: list[bytes] = []
        self.closed: int | str | None = None

    def _judge(self, message: bytes) -> bool:
        self.judged.append(message)
        return True

    def take(self, event: wsproto.events.Event) -> None:
        if isinstance(event, wsproto.events.CloseConnection):
            self.closed = "broken" if event.code in _BROKEN else event.code
            for side in (self.client, self.server):
                if side.state in {ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING}:
                    side.send(event)
        elif isinstance(event, wsproto.events.Message):
            parts = self.client.frame_buf
            parts[-1] += event.data.encode() if isinstance(event.data, str) else event.data
            if event.message_finished:
                self.server.send(wsproto.events.BytesMessage(b"".join(parts)))
                self.client.frame_buf = [b""]
            elif event.frame_finished:
                parts.append(b"")


_BROKEN = (1002, 1007)
"""Of a stream that is broken in two ways wsproto tells that which it meets first, and it inflates a whole frame before
it looks at the order of frames, half a frame after; in either case no message is judged and none goes on."""


def _side(kind: wsproto.ConnectionType) -> QuietConnection:
    deflate = PerMessageDeflate()
    deflate.finalize(PerMessageDeflate.name)
    conn = connection.Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2), timestamp_start=0)
    side = QuietConnection(kind, [deflate], conn=conn)
    side.limit = 1024
    return side


def chunked(pieces: Pieces) -> object:
    reader, buffer, out = ChunkedBody(), bytearray(), bytearray()
    for chunk in pieces:
        buffer += chunk
        while (piece := reader.take(buffer)) is not None:
            if isinstance(piece, End):
                return bytes(out), piece.trailers
            out += piece
    return bytes(out)


def members(pieces: Pieces) -> object:
    chunks = list(pieces)
    archive = Archive(b"".join(chunks)[:PREFIX], PREFIX)
    found = [member for chunk in chunks for member in archive.feed(chunk)]
    return found + list(archive.end())


def first_octets(data: bytes, pieces: Pieces) -> None:
    """Once it is clear what a connection begins with, no further octet changes it."""
    whole, sofar, decided = looks_like(data, 4096), b"", Looks.MORE
    for piece in pieces:
        sofar += piece
        found = looks_like(sofar, 4096)
        assert decided in (Looks.MORE, found), (decided, found, sofar)
        decided = found
    assert decided is whole


def head(data: bytes, _pieces: Pieces) -> None:
    """A head is refused, or what was read of it, written again, is read as the same."""
    try:
        method, target, version, lines = split_head(data)
        framing(version, lines)
        tls = Authority.parse("api.openai.com", 443)
        raw = RawHead(
            version=version, method=method, target=target, lines=lines, tunnel=tls, tls=True, sni=tls.host
        )
        head = check_head(raw)
    except (HeadError, UnreadableError):
        return
    assert head.authority == tls
    assert head.path == UrlPath.parse(target.partition(b"?")[0])
    tags, _ = shipped().tags.head_tags(head.fields, head.query)
    shipped().tags.meanings(tags)


def canonical[T](parse: Callable[[bytes], T], spell: Callable[[T], bytes]) -> Check:
    """What is canonical stays as it is when it is read again."""

    def check(data: bytes, _pieces: Pieces) -> None:
        try:
            found = parse(data)
        except UnreadableError:
            return
        spelled = spell(found)
        assert spell(parse(spelled)) == spelled, (found, spelled)

    return check


def path(data: bytes, _pieces: Pieces) -> None:
    """A path without doubt has segments that no second decoding could read otherwise."""
    try:
        path = UrlPath.parse(data)
    except UnreadableError:
        return
    if path.ambiguity is None:
        assert not any(segment in {".", ".."} or "/" in segment for segment in path.segments), path


def query(data: bytes, _pieces: Pieces) -> None:
    try:
        query = Query.parse(data)
    except UnreadableError:
        return
    for name, _ in query.pairs[:5]:
        _told(partial(query.one, name))


def fields(data: bytes, _pieces: Pieces) -> None:
    """Field values never raise anything but a refusal."""
    text = data.decode("latin-1")
    _told(lambda: parse_content_type(text))
    _told(lambda: parse_codings([text]))
    _told(lambda: parse_content_disposition(data))
    ObjectReference.parse(text)


def tags(data: bytes, _pieces: Pieces) -> None:
    """A tag header is read the same beside another one, and its meanings need no more than its words."""
    table = shipped().tags
    for name in _CARRIERS:
        fields = Fields(((name, data),))
        tags, _ = table.head_tags(fields, Query.parse(None))
        table.meanings(tags)


_CARRIERS = (
    b"x-amz-tagging",
    b"x-ms-tags",
    b"baggage",
    b"content-usage",
    b"upload-metadata",
    b"x-amz-meta-purpose",
)


def kinds(data: bytes, _pieces: Pieces) -> None:
    """Recognisers look at any octets and any name."""
    KINDS.by_prefix(data)
    KINDS.by_name(data.decode("latin-1"))
    find_shapes(data, "train.jsonl")


def protobuf(data: bytes, _pieces: Pieces) -> None:
    ProtobufScan(Collector(BodyFacts(), WANT, TAGS), KINDS).read(data)
