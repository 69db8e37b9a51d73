import re
from html.parser import HTMLParser
from typing import override

from subrosa.admin.health import Condition, assess
from subrosa.admin.page import CONTENT_SECURITY_POLICY, SCRIPT, STYLE, page

GOOD = assess(Condition(generation=3, evidence_fault="", listeners=1, workers=1, enforcing=True))
EVIL = "<script>alert(1)</script>\"'&"
STATUS = {"version": "0.1.0", "lockdown": False, "sources": [], "transfers": {"allow": 12, "block": 3}}
RECORD = {
    "time": "2026-11-25T02:39:54.9Z",
    "verdict": "block",
    "rules": ("pledge.training-tag",),
    "method": "PUT",
    "host": "store.example",
    "path": "/a/b.mp4",
    "kinds": ("audio", "video"),
    "purpose": "storage",
    "source": "default",
    "id": "d-1",
}


class Reader(HTMLParser):
    """The text of the cells, and every tag with its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[str] = []
        self.open: list[str] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)
        if tag in {"td", "dd"}:
            self.cells.append("")

    @override
    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    @override
    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in {"td", "dd"}:
            self.cells[-1] += data


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    return reader


def test_state_counters_and_decisions_are_there_without_any_script() -> None:
    found = read(page(STATUS, GOOD, [RECORD])).cells

    assert found == [
        *("0.1.0", "none", "12", "3", "0", "0"),
        *(
            "02:39:54",
            "block",
            "PUT store.example/a/b.mp4",
            "pledge.training-tag",
            "storage",
            "audio, video",
            "default",
        ),
        "d-1",
    ]


def test_what_is_wrong_is_said_in_words() -> None:
    text = page(STATUS, assess(Condition()), [])

    assert "not ready" in text
    assert "no policy is loaded, so every transfer is refused" in text


def test_everything_is_escaped() -> None:
    evil = dict.fromkeys(
        ("time", "verdict", "rules", "method", "host", "path", "kinds", "purpose", "source", "id"), EVIL
    )
    text = page({EVIL: EVIL, "transfers": {}}, assess(Condition(reload_fault=EVIL)), [evil])
    tags = read(text).tags

    assert "alert(1)</script>" not in text
    assert len([tag for tag, _ in tags if tag == "script"]) == 1


def test_nothing_is_loaded_from_anywhere_and_the_policy_names_what_is_inline() -> None:
    text = page(STATUS, GOOD, [])
    attributes = [name for _, attrs in read(text).tags for name in attrs]

    assert not {"src", "href", "style", "action"} & set(attributes)
    assert not [name for name in attributes if name.startswith("on")]
    assert re.findall(r"https?://", text) == []
    assert f"<style>{STYLE}</style>" in text
    assert f"<script>{SCRIPT}</script>" in text
    assert CONTENT_SECURITY_POLICY.count("sha256-") == 2


def test_it_can_be_read_by_a_screen_reader() -> None:
    tags = read(page(STATUS, GOOD, [RECORD])).tags
    names = [tag for tag, _ in tags]

    assert ("html", {"lang": "en"}) in tags
    assert "main" in names
    assert "caption" in names
    assert all(attrs.get("scope") == "col" for tag, attrs in tags if tag == "th")
    assert any(attrs.get("role") == "status" for _, attrs in tags)
    assert names.count("h1") == 1
