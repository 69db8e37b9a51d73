import pytest
from hpack import Decoder, Encoder, HPACKError
from hypothesis import given
from hypothesis import strategies as st

from subrosa.gateway.h2fields import FieldDecoder, FieldEncoder

NAMES = (b":method", b":path", b"x-a", b"x-b", b"content-length")
VALUES = (b"GET", b"/", b"/v1/chat", b"0", b"1", b"v" * 300)
type Fields = list[tuple[bytes, bytes]]

sections = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), min_size=1, max_size=5)
again = st.lists(st.tuples(sections, st.integers(1, 4)), max_size=8)


def said(steps: list[tuple[Fields, int]]) -> list[Fields]:
    """Sections, each several times in a row."""
    return [fields for fields, times in steps for _ in range(times)]


@given(again, st.dictionaries(st.integers(0, 20), st.sampled_from((0, 64, 400, 4096))))
def test_what_is_said_is_what_the_library_says(
    steps: list[tuple[Fields, int]], sizes: dict[int, int]
) -> None:
    ours, plain = FieldEncoder(), Encoder()
    for at, fields in enumerate(said(steps)):
        if at in sizes:
            ours.header_table_size = plain.header_table_size = sizes[at]
        assert ours.encode(fields) == plain.encode(fields)


@given(again, st.dictionaries(st.integers(0, 20), st.sampled_from((0, 64, 400, 4096))))
def test_what_is_heard_is_what_the_library_hears(
    steps: list[tuple[Fields, int]], sizes: dict[int, int]
) -> None:
    peer, ours, plain = Encoder(), FieldDecoder(65536), Decoder(65536)
    for at, fields in enumerate(said(steps)):
        if at in sizes:
            peer.header_table_size = sizes[at]
        octets = peer.encode(fields)
        heard = ours.decode(octets, raw=True)
        assert heard == list(plain.decode(octets, raw=True)) == fields
        assert [field.indexable for field in heard] == [True] * len(fields)
        heard.clear()


@given(st.lists(st.binary(min_size=1, max_size=12).flatmap(lambda one: st.just([one, one, one]))))
def test_octets_that_are_no_section_fail_as_in_the_library(blocks: list[list[bytes]]) -> None:
    ours, plain = FieldDecoder(65536), Decoder(65536)
    for octets in (one for block in blocks for one in block):
        try:
            expected = list(plain.decode(octets, raw=True))
        except HPACKError as fault:
            with pytest.raises(type(fault)):
                ours.decode(octets, raw=True)
            return  # the connection ends with it
        assert ours.decode(octets, raw=True) == expected


def test_a_section_that_comes_again_is_not_put_together_anew() -> None:
    encoder, fields = FieldEncoder(), [(b":method", b"GET"), (b"x-a", b"1")]
    first, second = encoder.encode(fields), encoder.encode(fields)
    assert first != second
    assert encoder.encode(list(fields)) is second
