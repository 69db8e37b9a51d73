"""GraphQL documents: what is asked for at the roots, and what has no single reading."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subrosa.content.graphql import MOST_DOCUMENT, read_graphql
from subrosa.content.graphqlbody import NO_DOCUMENT, STORED_DOCUMENT, Given, given_in, is_document
from subrosa.facts.unreadable import Ambiguity, UnreadableError


def asked(text: str) -> list[tuple[str, str, set[str]]]:
    """The operations of a document that has a reading."""
    found = read_graphql(text)
    assert not isinstance(found, UnreadableError), found.detail
    return [(one.type, one.name, set(one.fields)) for one in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("{ me { id } }", [("query", "", {"me"})], id="a query in short"),
        pytest.param(
            "\ufeff query A { me, you }", [("query", "A", {"me", "you"})], id="a byte order mark and commas"
        ),
        pytest.param(
            "mutation { a: createDataset { id } }", [("mutation", "", {"createDataset"})], id="an alias"
        ),
        pytest.param(
            'mutation M($i: [In!]! = {a: 1} @d) @live(if: true) { createDataset(data: {q: "}"}) @x { id } }',
            [("mutation", "M", {"createDataset"})],
            id="variables, directives and arguments",
        ),
        pytest.param(
            "mutation { ...F } fragment F on M { ...G } fragment G on M { deleteAll ...F }",
            [("mutation", "", {"deleteAll"})],
            id="fragments of fragments, even in a circle",
        ),
        pytest.param(
            "mutation { ... on M @include(if: $a) { a ... { b } } c }",
            [("mutation", "", {"a", "b", "c"})],
            id="fragments in line",
        ),
        pytest.param(
            "query A { a } mutation B { b } subscription C { c }",
            [("query", "A", {"a"}), ("mutation", "B", {"b"}), ("subscription", "C", {"c"})],
            id="several operations",
        ),
        pytest.param("{ me } # mutation { createDataset }", [("query", "", {"me"})], id="a comment"),
        pytest.param(
            '{ find(text: "mutation { createDataset }") { id } }', [("query", "", {"find"})], id="a string"
        ),
        pytest.param(
            '{ find(text: """ mutation \\""" { createDataset } """) { id } }',
            [("query", "", {"find"})],
            id="a block string with an escaped end",
        ),
        pytest.param('{ a(b: "\\"", c: "") b }', [("query", "", {"a", "b"})], id="a quote in a string"),
        pytest.param(
            "query mutation { createDataset: me }", [("query", "mutation", {"me"})], id="names named so"
        ),
        pytest.param(
            "query { mutation { createDataset } }", [("query", "", {"mutation"})], id="fields named so below"
        ),
        pytest.param('"A name" query A { a }', [("query", "A", {"a"})], id="a description"),
        pytest.param(
            "{ a(n: -1.5e3, m: 0, e: ENUM, v: $v, l: [1]) }", [("query", "", {"a"})], id="all values"
        ),
    ],
)
def test_the_roots_of_each_operation(text: str, expected: list[tuple[str, str, set[str]]]) -> None:
    assert asked(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", Ambiguity.BAD_SYNTAX),
        ("query", Ambiguity.BAD_SYNTAX),
        ("{}", Ambiguity.BAD_SYNTAX),
        ("{ a", Ambiguity.BAD_SYNTAX),
        ("{ a }}", Ambiguity.BAD_SYNTAX),
        ("{ a(b: [1)] }", Ambiguity.BAD_SYNTAX),
        ('{ a(b: "x', Ambiguity.BAD_SYNTAX),
        ('{ a(b: """x"") }', Ambiguity.BAD_SYNTAX),
        ("{ ... on A {} }", Ambiguity.BAD_SYNTAX),
        ("{ ...F }", Ambiguity.BAD_SYNTAX),
        ("fragment F on A { a }", Ambiguity.BAD_SYNTAX),
        ("fragment on on A { a } { b }", Ambiguity.BAD_SYNTAX),
        ("type A { a: B }", Ambiguity.BAD_SYNTAX),
        ("{ a(b: 01) }", Ambiguity.BAD_SYNTAX),
        ("{ é }", Ambiguity.BAD_SYNTAX),
        ("{ a # \u2028 b\n }", Ambiguity.BAD_SYNTAX),
        ("null", Ambiguity.BAD_SYNTAX),
        ("{ a } { b }", Ambiguity.DUPLICATE),
        ("query A { a } mutation A { b }", Ambiguity.DUPLICATE),
        ("{ a } mutation B { b }", Ambiguity.DUPLICATE),
        ("{ ...F } fragment F on A { a } fragment F on A { b }", Ambiguity.DUPLICATE),
        ("".join(f"query A{at} {{ a }}" for at in range(101)), Ambiguity.TOO_LARGE),
        ("{ a }" + "".join(f"fragment F{at} on A {{ a }}" for at in range(1000)), Ambiguity.TOO_LARGE),
        ("{ a }" + " " * MOST_DOCUMENT, Ambiguity.TOO_LARGE),
    ],
    ids=lambda value: repr(value[:40]) if not isinstance(value, Ambiguity) else "",
)
def test_what_a_server_refuses_or_reads_in_two_ways_has_no_reading(text: str, why: Ambiguity) -> None:
    found = read_graphql(text)

    assert isinstance(found, UnreadableError)
    assert found.ambiguity is why


WORDS = st.sampled_from(
    [
        "query ",
        "mutation ",
        "fragment F on M ",
        "{",
        "}",
        "(",
        ")",
        "...F",
        "...",
        "on ",
        "a ",
        "a: ",
        '"',
        '"""',
        "\\",
        *["#", "\n", "@d ", "[", "]", "$", "1", "-", "é", "\ufeff", "\u2028"],
    ]
)


@given(st.lists(WORDS, max_size=60).map("".join) | st.text(max_size=200))
def test_any_text_has_a_reading_or_a_reason(text: str) -> None:
    found = read_graphql(text)

    if isinstance(found, UnreadableError):
        assert found.detail
    else:
        assert all(one.fields for one in found)


@given(st.sets(st.from_regex(r"[_A-Za-z][_0-9A-Za-z]{0,5}", fullmatch=True), min_size=1), st.data())
def test_disguises_change_nothing(names: set[str], data: st.DataObject) -> None:
    """Aliases, fragments, comments and strings around the same root fields."""
    plain, disguised = sorted(names), []
    fragments: list[str] = []
    for at, name in enumerate(plain):
        way = data.draw(
            st.sampled_from(["{0}", "x{1}: {0}", "...on M{{{0}}}", "...F{1}", "{0}#x\n", '{0}(a:"}}{{")'])
        )
        disguised.append(way.format(name, at))
        fragments.append(f"fragment F{at} on M {{ {name} }}" if "...F" in way else "")

    assert asked(f"mutation {{ {' '.join(disguised)} }} {' '.join(fragments)}") == [("mutation", "", names)]


LONG = {
    "brackets": "{a" + "(" * 60_000,
    "open strings": '"' * 60_001,
    "open block strings": '"""' + '\\"""' * 15_000,
    "backslashes": '{a(b:"' + "\\" * 60_000,
    "spreads": "{" + "...F " * 12_000 + "}",
    "inline fragments": "{...on A" * 8_000,
    "comments": "#\n" * 30_000,
    "fragments and operations": "".join(f"query A{at}{{...F0}}" for at in range(99))
    + "".join(f"fragment F{at} on Q{{...F{at + 1}}}" for at in range(899))
    + "fragment F899 on Q{a}",
}


@pytest.mark.parametrize("name", LONG)
@pytest.mark.timeout(20)
def test_no_document_is_read_in_more_than_linear_time(name: str) -> None:
    assert read_graphql(LONG[name])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"query": "{a}", "operationName": "A"}', Given(("{a}",), frozenset({"A"}))),
        ('[{"query": "{a}"}, {"query": "{b}"}]', Given(("{a}", "{b}"))),
        ('{"variables": {"query": "{a}"}}', Given()),
        ('{"query": "{a}", "documentId": "x"}', Given(fault=STORED_DOCUMENT)),
        (
            '[{"query": "{a}"}, {"extensions": {"persistedQuery": {"sha256Hash": "x"}}}]',
            Given(fault=STORED_DOCUMENT),
        ),
    ],
)
def test_the_field_operations_is_read_as_json(text: str, expected: Given) -> None:
    assert given_in(text) == expected


@pytest.mark.parametrize("text", ['{"query": "{a}", "query": "{b}"}', "{", "", "\ud800"])
def test_operations_that_are_no_json_have_no_reading(text: str) -> None:
    assert given_in(text).fault is not None


def test_the_type_of_a_document_is_read_like_any_other() -> None:
    assert is_document("Application/GraphQL; charset=utf-8")
    assert not is_document("application/graphql-response+json")
    assert not is_document("application/graphql; charset=a; charset=b")
    assert not is_document(None)
    assert NO_DOCUMENT.detail
