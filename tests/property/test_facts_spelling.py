"""Promise 4: one spelling. Whatever is spelled anew at random keeps its canonical form, and with it its verdict."""

import base64
import re
import string
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote

from hypothesis import assume, example, given
from hypothesis import strategies as st

from subrosa.facts.addresses import AddressClass, classify
from subrosa.facts.fields import (
    Fields,
    parse_codings,
    parse_content_disposition,
    parse_content_type,
)
from subrosa.facts.head import HeadError, RawHead, check_head, strip_hop_by_hop
from subrosa.facts.hosts import Authority, Host
from subrosa.facts.paths import NO_QUERY, Path, Query
from subrosa.facts.references import GuardedStore, ObjectReference
from subrosa.facts.tags import TagMeaning, canonical
from subrosa.facts.unreadable import UnreadableError
from unit.facts.heads import API, h1, h2
from unit.facts.tagtable import TABLE

LDH = string.ascii_lowercase + string.digits + "-_"
LABELS = st.text(LDH, min_size=1, max_size=12).filter(lambda label: not label.startswith("xn--"))
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A last label that makes the whole an address, or nothing."""
NAMES = (
    st.lists(LABELS, min_size=1, max_size=4)
    .filter(lambda labels: labels[-1][-1].isalpha() and not NUMBER.fullmatch(labels[-1]))
    .map(".".join)
)
QUADS = st.integers(0, 2**32 - 1).map(IPv4Address)
PLAIN = st.text(string.ascii_letters + string.digits + "._~-é文", min_size=1, max_size=8).filter(
    lambda segment: segment.strip(".") == segment
)
VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
FULL_WIDTH = {char: chr(ord(char) + 0xFEE0) for char in string.ascii_lowercase + string.digits}
ANYTHING = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@st.composite
def respelled_name(draw: st.DrawFn, name: str) -> str | bytes:
    """A host name in other case, other width, other dots, with a root dot or without, as text or octets."""
    spelled = []
    for char in name:
        forms = [char, char.upper(), FULL_WIDTH.get(char, char)]
        spelled.append(draw(st.sampled_from(forms)) if char != "." else draw(st.sampled_from(".。．｡")))  # noqa: RUF001
    text = "".join(spelled) + draw(st.sampled_from(["", "."]))
    return text.encode() if draw(st.booleans()) else text


@st.composite
def respelled_quad(draw: st.DrawFn, address: IPv4Address) -> str:
    """An IPv4 address in one to four parts, each in one of three bases."""
    value, parts = int(address), []
    for shift in (24, 16, 8)[: draw(st.integers(0, 3))]:
        parts.append(value >> shift)
        value &= (1 << shift) - 1
    bases = [
        draw(st.sampled_from([("", "d"), ("0x", "x"), ("0X", "X"), ("0", "o"), ("000", "o")]))
        for _ in range(4)
    ]
    spelled = [prefix + format(n, base) for n, (prefix, base) in zip((*parts, value), bases, strict=False)]
    return ".".join(spelled) + draw(st.sampled_from(["", "."]))


@st.composite
def respelled_path(draw: st.DrawFn, segments: list[str]) -> bytes:
    """A path with escapes, empty segments, dot segments and steps aside that lead back."""
    asides = st.lists(st.sampled_from(["", "/", "/.", "/%2e", "/x/..", "/%78/%2E%2e"]), max_size=2)
    pieces: list[str] = []
    for segment in segments:
        pieces += draw(asides)
        octets = b"/" + b"".join(
            f"%{octet:02{draw(st.sampled_from('xX'))}}".encode()
            if octet > 0x7F or draw(st.booleans())
            else bytes([octet])
            for octet in segment.encode()
        )
        pieces.append(octets.decode())
    text = "".join(pieces)
    assume("//.." not in text.lower().replace("%2e", "."))
    return text.encode()


@given(NAMES, st.data())
def test_a_host_name_spelled_anew_is_the_same_host(name: str, data: st.DataObject) -> None:
    host = Host.parse(name)

    assert Host.parse(data.draw(respelled_name(name))) == host
    assert Host.parse(str(host)) == host


@given(QUADS, st.data())
def test_an_ipv4_address_spelled_anew_is_the_same_host(address: IPv4Address, data: st.DataObject) -> None:
    host = Host.parse(data.draw(respelled_quad(address)))

    assert host == Host.of_address(address)
    assert Host.parse(str(host)) == host


@given(st.integers(0, 2**128 - 1).map(IPv6Address), st.booleans())
def test_an_ipv6_address_spelled_anew_is_the_same_host(address: IPv6Address, upper: bool) -> None:
    spelled = address.exploded.upper() if upper else address.exploded
    host = Host.parse(f"[{spelled}]")

    assert host == Host.of_address(address)
    assert Host.parse(str(host)) == host


@given(st.one_of(st.text(max_size=30), st.binary(max_size=30)))
@example("xn--a")
@example("[::1%0]")
def test_any_input_is_one_canonical_host_or_none(text: str | bytes) -> None:
    try:
        host = Host.parse(text)
    except UnreadableError:
        return
    assert Host.parse(str(host)) == host
    assert str(host) == str(host).lower()
    assert str(host).isascii()
    assert (host.address is None) == bool(host.labels)


@given(NAMES, st.integers(1, 65535), st.integers(0, 4))
def test_an_authority_has_one_canonical_form(name: str, port: int, zeros: int) -> None:
    authority = Authority.parse(f"{name}:{'0' * zeros}{port}", None)

    assert authority == Authority(Host.parse(name), port)
    assert Authority.parse(str(authority), None) == authority
    assert Authority.parse(name, port) == authority


@given(st.lists(PLAIN, min_size=1, max_size=4), st.data())
def test_a_path_spelled_anew_is_the_same_path(segments: list[str], data: st.DataObject) -> None:
    path = Path.parse(data.draw(respelled_path(segments)))

    assert path.segments == path.matching == tuple(segments)
    assert path.ambiguity is None
    assert Path.parse(path.text) == path


@given(
    st.one_of(ANYTHING.map(lambda text: "/" + text), st.binary(max_size=40).map(lambda octets: b"/" + octets))
)
@example("/..;/a")
@example("/;")
@example(b"/%c0%ae%c0%ae/")
def test_any_path_has_one_canonical_form_or_none(raw: str | bytes) -> None:
    try:
        path = Path.parse(raw)
    except UnreadableError:
        return
    again = Path.parse(path.text)
    assert again.text == path.text
    assert again.segments == path.segments
    assert again.folded == path.folded
    assert "" not in path.matching
    assert "." not in path.segments
    assert path.ambiguity is not None or again == path


@given(st.lists(st.tuples(VALUES, VALUES), max_size=4), st.booleans())
def test_a_query_spelled_anew_has_the_same_pairs(pairs: list[tuple[str, str]], everything: bool) -> None:
    safe = "" if everything else "/?:@!$'()*,~"
    pairs = [(name, value) for name, value in pairs if name or value]
    query = Query.parse(
        "&".join(f"{quote(name, safe=safe)}={quote(value, safe=safe)}" for name, value in pairs)
    )

    assert query.pairs == tuple(pairs)
    assert query.ambiguity is None


@given(st.one_of(ANYTHING, st.binary(max_size=40)), ANYTHING)
def test_any_query_answers_or_says_that_it_cannot(raw: str | bytes, name: str) -> None:
    try:
        query = Query.parse(raw)
        value = query.one(name)
    except UnreadableError:
        return
    assert value is None or (name, value) in query.pairs


TERMS = st.sampled_from(["model-training", "ml-training", "fine-tune", "training-data"])


@st.composite
def respelled_term(draw: st.DrawFn, term: str) -> str:
    """A term in other case and width, with other separators, percent-encoded or as an encoded-word."""
    between = draw(st.sampled_from(["-", "_", " ", ".", "", "--", " - ", "\u2010", "\u2013", "-\u200b"]))
    chars = [draw(st.sampled_from([c, c.upper(), FULL_WIDTH.get(c, c)])) for c in term.replace("-", "\0")]
    text = "".join(between if char == "\0" else char for char in chars)
    text = draw(st.sampled_from(["", " ", '"'])) + text + draw(st.sampled_from(["", " ", "\t"]))
    encoded = base64.b64encode(text.encode()).decode()
    return draw(
        st.sampled_from(
            [text, quote(text), "".join(f"%{o:02x}" for o in text.encode()), f"=?utf-8?B?{encoded}?="]
        )
    )


@given(TERMS, st.data(), st.text(LDH, min_size=1, max_size=8))
def test_a_training_term_spelled_anew_says_training_in_every_carrier(
    term: str, data: st.DataObject, key: str
) -> None:
    spelled = data.draw(respelled_term(term))
    encoded = base64.b64encode(spelled.encode()).decode()
    heads = [
        Fields.of([(f"X-Amz-Meta-{key}", spelled.encode())]),
        Fields.of([("x-amz-tagging", f"{key}={quote(spelled)}")]),
        Fields.of([("X-MS-Tags", f"a=b&{key}={quote(spelled, safe='')}")]),
        Fields.of([("baggage", f"a=b,{key}={quote(spelled)};p")]),
        Fields.of([("upload-metadata", f"filename,{key} {encoded}")]),
    ]

    for fields in heads:
        tags, doubt = TABLE.head_tags(fields, NO_QUERY)
        assert doubt is None
        assert TagMeaning.TRAINING in TABLE.meanings(tags)
    assert TagMeaning.TRAINING in TABLE.meanings(TABLE.json_tags(f"metadata.{key}", key, spelled))
    query = Query.parse("x-amz-tagging=" + quote(f"{key}={quote(spelled)}"))
    assert TagMeaning.TRAINING in TABLE.meanings(TABLE.head_tags(Fields(), query)[0])


@given(st.lists(st.tuples(ANYTHING, ANYTHING), max_size=4), TERMS)
def test_no_other_tag_takes_a_meaning_away(others: list[tuple[str, str]], term: str) -> None:
    lines = [("x-amz-tagging", "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in others))]
    before = TABLE.meanings(TABLE.head_tags(Fields.of(lines), NO_QUERY)[0])
    after = TABLE.meanings(TABLE.head_tags(Fields.of([*lines, ("x-amz-meta-x", term)]), NO_QUERY)[0])

    assert TagMeaning.TRAINING in after
    assert before <= after


@given(ANYTHING)
def test_the_canonical_spelling_of_a_term_holds_no_case_and_no_separator(text: str) -> None:
    found = canonical(text)

    assert found == found.casefold() or not found.isascii()
    assert not set(found) & set(" _\t") or not found.isascii()


@given(
    st.binary(max_size=60),
    st.sampled_from(["x-amz-tagging", "baggage", "content-usage", "upload-metadata", "x-robots-tag"]),
)
def test_any_field_value_is_read_or_in_doubt_and_never_an_error(value: bytes, name: str) -> None:
    tags, _ = TABLE.head_tags(Fields.of([(name, value)]), NO_QUERY)

    assert set(TABLE.meanings(tags)) <= set(TagMeaning)


@given(ANYTHING)
@example('form-data; name="a"; filename="\\"; name="b"; x="')
def test_any_label_is_read_or_unreadable_and_never_another_error(text: str) -> None:
    with suppress(UnreadableError):
        parse_content_type(text)
    with suppress(UnreadableError):
        parse_content_disposition(text)
    with suppress(UnreadableError):
        parse_codings([text])
    with suppress(UnreadableError):
        TABLE.xml_tags(text.encode())
    with suppress(UnreadableError):
        TABLE.form_tags("tagging", text)
    ObjectReference.parse(text)
    ObjectReference.of_copy_source(text)


@given(
    st.lists(st.tuples(st.binary(max_size=12), st.binary(max_size=12)), max_size=6), st.binary(max_size=20)
)
def test_any_head_passes_or_is_refused_and_never_another_error(
    lines: list[tuple[bytes, bytes]], octets: bytes
) -> None:
    for raw in (
        h1(*lines, target=b"/" + octets),
        h1(*lines, method=octets),
        h2(*lines, authority=octets),
        RawHead(version="HTTP/1.1", method=b"GET", target=octets, lines=lines),
    ):
        try:
            head = check_head(raw)
        except HeadError:
            continue
        assert all(not set(name + value) & set(b"\0\r\n") for name, value in head.fields.lines)
        assert set(strip_hop_by_hop(head.fields.lines)) <= set(head.fields.lines)


@given(st.data())
def test_the_same_request_has_the_same_facts_on_both_versions(data: st.DataObject) -> None:
    lines = [(b"content-length", b"3"), (b"x-amz-tagging", b"a=b")]
    host = data.draw(respelled_name("api.openai.com"))
    name = host if isinstance(host, bytes) else host.encode()
    one = check_head(h1((data.draw(st.sampled_from([b"Host", b"HOST"])), name), *lines, host=False))
    two = check_head(h2(*lines, authority=name))

    assert (
        (one.authority, one.path, one.query)
        == (two.authority, two.path, two.query)
        == (API, one.path, NO_QUERY)
    )
    assert (one.method, one.scheme, one.has_body, one.length) == (
        two.method,
        two.scheme,
        two.has_body,
        two.length,
    )


@given(QUADS)
def test_wrapping_an_address_never_makes_it_global(address: IPv4Address) -> None:
    found = classify(address)
    value = int(address)
    wrapped = [
        f"::ffff:{address}",
        f"64:ff9b::{address}",
        f"2002:{value >> 16:x}:{value & 0xFFFF:x}::",
        f"::ffff:0:{address}",
    ]

    assert {classify(IPv6Address(text)) for text in wrapped} == {found}
    if found is not AddressClass.GLOBAL:
        assert classify(IPv6Address(f"64:ff9b:1::{address}")) is not AddressClass.GLOBAL


@given(st.lists(PLAIN, min_size=1, max_size=4), st.integers(0, 4))
def test_an_object_lies_in_every_prefix_of_its_key(segments: list[str], depth: int) -> None:
    reference = ObjectReference.parse("s3://meetings/" + "/".join(segments))
    prefix = "/".join(segments[:depth])

    assert reference is not None
    assert reference.matches(GuardedStore.parse(f"s3://meetings/{prefix}"))
