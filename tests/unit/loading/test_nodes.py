"""YAML as nodes: what JSON says, JSON means; what YAML adds is refused; nothing raises."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subrosa.loading.caseforms import CASES, KIND_CASES
from subrosa.loading.faults import Fault
from subrosa.loading.form import Form, Nested
from subrosa.loading.forms import DestinationForm, RulesForm
from subrosa.loading.nodes import Mapping, Scalar, Sequence, plain, read
from subrosa.loading.shapes import Shape, Spot
from subrosa.loading.tableforms import ContentForm, TagsForm
from unit.loading.directories import GOOD

# YAML has no escape for half a character, which is how JSON writes those beyond U+FFFF.
TEXT = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT.filter(bool), inner, max_size=3),
    max_leaves=12,
)
FORMS: list[Shape[Any]] = [Nested(form) for form in (DestinationForm, RulesForm, TagsForm, ContentForm)]
FORMS += [CASES, KIND_CASES]


@given(value=JSON)
def test_json_is_read_as_json(value: object) -> None:
    faults: list[Fault] = []
    node = read(json.dumps(value).encode(), "x.yaml", faults)

    assert faults == []
    assert node is not None
    assert plain(node) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("2026-11-23", "2026-11-23"),
        ("0x10", "0x10"),
        ("010", "010"),
        ("1_000", "1_000"),
        (".inf", ".inf"),
        ("1.5", 1.5),
        ("-0", 0),
        ("1e3", 1000.0),
        ("True", "True"),
        ("~", None),
        ("", None),
        ("'true'", "true"),
        ("|\n  a\n  b\n", "a\nb\n"),
    ],
)
def test_only_json_s_words_are_more_than_text(text: str, value: object) -> None:
    node = read(f"k: {text}".encode(), "x.yaml", [])

    assert isinstance(node, Mapping)
    assert plain(node) == {"k": value}


def test_each_node_knows_where_it_stands() -> None:
    node = read("# é\na:\n  - b: c\n    d: [e]\n".encode(), "x.yaml", [])

    assert isinstance(node, Mapping)
    spot = Spot("x.yaml", node).follow(("a", 0, "d", 0))
    assert (spot.where, spot.node.line, spot.node.column) == ("a[0].d[0]", 4, 9)
    assert str(spot.fault("is wrong")) == "x.yaml:4:9 a[0].d[0]: is wrong"


def test_a_byte_order_mark_at_the_beginning_is_no_character_of_the_file() -> None:
    node = read(b"\xef\xbb\xbfa: b", "x.yaml", [])

    assert node == Mapping(
        1, 1, {"a": Scalar(1, 4, "b", quoted=False)}, {"a": Scalar(1, 1, "a", quoted=False)}
    )


@given(octets=st.binary(max_size=64))
def test_no_octets_make_the_reader_raise(octets: bytes) -> None:
    faults: list[Fault] = []

    assert (read(octets, "x.yaml", faults) is None) <= bool(faults)


TEXTS = [path.read_text() for path in sorted(GOOD.rglob("*.yaml"))]


@st.composite
def spoiled(draw: st.DrawFn) -> bytes:
    """A good file with some piece of it cut out, doubled, or exchanged for a piece of another."""
    text, other = draw(st.sampled_from(TEXTS)), draw(st.sampled_from(TEXTS))
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 40)))
    first = draw(st.integers(0, len(other)))
    instead = draw(st.sampled_from(["", text[start:end] * 2, other[first : first + 40]]))
    return (text[:start] + instead + text[end:]).encode()


@given(octets=spoiled(), shape=st.sampled_from(FORMS))
def test_no_file_makes_a_form_raise_or_fail_in_silence(octets: bytes, shape: Shape[Any]) -> None:
    faults: list[Fault] = []
    node = read(octets, "x.yaml", faults)

    if node is not None:
        form = shape.read(Spot("x.yaml", node), faults)
        assert form is not None or faults
        assert not isinstance(form, Form) or form.spot.node is node


@given(value=JSON, shape=st.sampled_from(FORMS))
def test_no_data_makes_a_form_raise_or_fail_in_silence(value: object, shape: Shape[Any]) -> None:
    faults: list[Fault] = []
    node = read(json.dumps(value).encode(), "x.yaml", faults)
    assert isinstance(node, Scalar | Sequence | Mapping)

    assert shape.read(Spot("x.yaml", node), faults) is not None or faults
