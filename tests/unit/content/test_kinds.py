"""Recognisers: how a table is built, and every case that stands beside the shipped ones."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from content_kit import CONTENT_RULES, KINDS, SAMPLES, recognisers, recorded, samples
from subrosa.content.kinds import PREFIX, KindTable, Names, Recogniser
from subrosa.content.textprefix import as_text
from subrosa.facts.body import Kind, KindFound

CASES = [
    (path, case)
    for path in sorted(CONTENT_RULES.glob("*.test.yaml"))
    for case in yaml.safe_load(path.read_text())
]


def one(**evidence: object) -> Recogniser:
    return Recogniser(id="one", kind=Kind.CHAT, meeting=True, **evidence)  # type: ignore[arg-type]


FOUND = [KindFound(Kind.CHAT, True, "one")]


@pytest.mark.parametrize(
    ("path", "case"), [pytest.param(p, c, id=f"{p.stem}: {c['name']}") for p, c in CASES]
)
def test_the_cases_beside_the_recognisers(path: Path, case: dict[str, object]) -> None:
    kind = Kind(path.name.removesuffix(".test.yaml"))
    if "filename" in case:
        found = list(KINDS.by_name(str(case["filename"])))
    elif "sample" in case:
        found = KINDS.by_prefix((SAMPLES / str(case["sample"])).read_bytes())
    elif "base64" in case:
        found = KINDS.by_prefix(recorded(str(case["base64"])))
    else:
        found = KINDS.by_prefix(str(case["text"]).encode())
    expected = case["expect"]
    assert isinstance(expected, list)
    assert {one.by for one in found if one.kind is kind} == {row["recogniser"] for row in expected}


def test_every_kind_has_recognisers_and_every_recogniser_a_case() -> None:
    tested = {row["recogniser"] for _, case in CASES for row in case["expect"]}
    assert {recogniser.kind for recogniser in recognisers()} == set(Kind)
    assert {recogniser.id for recogniser in recognisers()} == tested


@pytest.mark.parametrize(
    "path", [path for path in samples() if "neg" in path.parts], ids=lambda path: path.name
)
def test_no_control_says_meeting(path: Path) -> None:
    found = [*KINDS.by_name(path.name), *KINDS.by_prefix(path.read_bytes())]
    assert [kind.by for kind in found if kind.meeting] == []


@pytest.mark.parametrize(
    "path", [path for path in samples() if "media" in path.parts], ids=lambda path: path.name
)
def test_no_container_says_meeting(path: Path) -> None:
    found = KINDS.by_prefix(path.read_bytes())
    assert [kind.by for kind in found if kind.meeting] == []
    assert found or path.suffix == ".txt"


def test_a_recogniser_is_found_by_any_of_its_names() -> None:
    table = KindTable([one(names=(r"^a\.txt$", r"b\d"))])
    assert list(table.by_name("a.txt")) == list(table.by_name("xb1y")) == FOUND
    assert table.by_name("b") == ()
    assert table.by_prefix(b"a.txt") == []


def test_magic_needs_every_sign_at_its_place() -> None:
    table = KindTable([one(magic=((0, b"RIFF"), (8, b"WAVE")))])
    assert table.by_prefix(b"RIFF1234WAVE") == FOUND
    assert table.by_prefix(b"RIFF1234AVI ") == table.by_prefix(b"RIFF") == []


def test_magic_and_text_must_both_hold() -> None:
    table = KindTable([one(magic=((0, b"a"),), text="b")])
    assert table.by_prefix(b"ab") == FOUND
    assert table.by_prefix(b"a") == table.by_prefix(b"cb") == []


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param("x\na: é".encode(), id="UTF-8"),
        pytest.param("x\r\na: é".encode(), id="CRLF"),
        pytest.param("\ufeffx\na: é".encode(), id="a byte order mark"),
        pytest.param("\ufeffx\na: é".encode("utf-16-le"), id="UTF-16, little end first"),
        pytest.param("\ufeffx\r\na: é".encode("utf-16-be"), id="UTF-16, big end first"),
    ],
)
def test_text_is_matched_in_every_encoding_that_exports_come_in(octets: bytes) -> None:
    assert KindTable([one(text=r"\Ax\na: é\z")]).by_prefix(octets) == FOUND


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"a\0b", None),
        (b"\xff\xfea\0\0\0", None),
        (b"a\xffb", "a\ufffdb"),
        (b"", ""),
        (b"\xff\xfea", "\ufffd"),
    ],
)
def test_what_is_text(octets: bytes, expected: str | None) -> None:
    assert as_text(octets) == expected


def test_only_the_first_four_kibibytes_count() -> None:
    table = KindTable([one(text="end")])
    assert table.by_prefix(b"x" * (PREFIX - 3) + b"end") == FOUND
    assert table.by_prefix(b"x" * (PREFIX - 2) + b"end") == []


def test_findings_stand_in_the_order_of_the_table() -> None:
    table = KindTable(
        [Recogniser(id=name, kind=Kind.POLL, meeting=False, text=".", names=(".",)) for name in "zab"]
    )
    assert [found.by for found in table.by_prefix(b"x")] == ["z", "a", "b"]
    assert [found.by for found in table.by_name("x")] == ["z", "a", "b"]


def test_a_name_that_a_client_percent_encoded_is_the_same_name() -> None:
    name = "Synthetic%20sync-20260108_120125-Meeting%20Recording.mp4"
    assert [found.by for found in KINDS.by_name(name)] == ["teams-recording-name"]
    assert KINDS.by_name("50%-off.mp4") == ()


def test_a_name_may_hold_anything() -> None:
    assert KINDS.by_name("\udcff\0é" * 100) == ()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        pytest.param([one(text="a"), one(text="b")], "given twice", id="an id twice"),
        pytest.param([one()], "has no names, magic or text", id="no evidence"),
        pytest.param([one(text="(")], "is no re2 pattern", id="a broken pattern"),
        pytest.param([one(names=("(?=a)",))], "is no re2 pattern", id="a pattern that is not linear"),
    ],
)
def test_a_table_that_cannot_be_built(rows: list[Recogniser], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        KindTable(rows)


VARIANTS = [
    pytest.param(lambda text: text.encode("utf-8-sig"), id="with a byte order mark"),
    pytest.param(lambda text: text.replace("\n", "\r\n").encode(), id="with CRLF"),
    pytest.param(lambda text: text.encode("utf-16"), id="in UTF-16"),
    pytest.param(
        lambda text: ("\ufeff" + text.replace("\n", "\r\n")).encode("utf-16-be"), id="in UTF-16-BE with CRLF"
    ),
]


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_text_of_a_meeting_is_known_in_every_encoding_that_exports_come_in(
    variant: Callable[[str], bytes],
) -> None:
    missing = []
    for path in sorted((SAMPLES / "text").iterdir()):
        text = as_text(path.read_bytes())
        assert text is not None, path.name
        known = {found.by for found in KINDS.by_prefix(path.read_bytes())}
        missing += [(path.name, by) for by in known - {found.by for found in KINDS.by_prefix(variant(text))}]

    assert missing == []


def test_a_set_that_outgrows_its_memory_is_asked_pattern_by_pattern() -> None:
    rows = [
        (str(at), rf"x.{{{at}}}y|[a-z]+{at}\.vtt$", KindFound(Kind.TRANSCRIPT, False, str(at)))
        for at in range(30)
    ]
    roomy, narrow = Names(rows), Names(rows, memory=1000)
    for name in (b"talk7.vtt", b"xaaay", b"nothing", b"x" * 40 + b"y", b"a29.vtt"):
        assert [found.by for found in narrow.search(name)] == [found.by for found in roomy.search(name)]
    assert roomy.search(b"talk7.vtt") != []
    assert narrow._set is None, "the set has room enough, so that this shows nothing"
