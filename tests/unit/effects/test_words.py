"""The closed lists hold every word that the gateway and the policy can say, read from their sources."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import subrosa
from helpers import policy
from subrosa.effects.words import CAUSES, GUARDS, NONE, OTHER, Words
from subrosa.policy.sources import Source

ROOT = Path(subrosa.__file__).parent
SAY_A_CAUSE = {"fail", "failed_closed", "FailedError", "_caused", "abort"}


def nodes(*packages: str) -> Iterator[ast.AST]:
    files = [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]
    assert files
    for path in files:
        yield from ast.walk(ast.parse(path.read_text()))


def text(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def test_every_cause_that_the_gateway_gives_is_in_the_list() -> None:
    given = {
        text(node.args[0])
        for node in nodes("gateway")
        if isinstance(node, ast.Call) and name(node.func) in SAY_A_CAUSE and node.args
    } - {""}

    assert len(given) > 4
    assert given <= CAUSES


def test_every_guard_is_in_the_list() -> None:
    given = {
        text(node)
        for node in nodes("gateway", "policy", "effects")
        if text(node).startswith("guard.") and text(node) != "guard."
    }

    assert len(given) > 8
    assert given <= GUARDS


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("rule", "pledge.training-tag"),
        ("rule", "guard.framing"),
        ("operation", "acme.tune"),
        ("provider", "acme"),
        ("source", "default"),
        ("source", "recorder"),
        ("rule", NONE),
        ("kind", NONE),
        ("kind", "screen-share"),
        ("class", "link-local"),
        ("reason", "no-verdict"),
        ("verdict", "would_block"),
    ],
)
def test_words_of_policy_and_settings_are_known(label: str, value: str) -> None:
    words = Words()
    words.learn(policy(sources=[Source(name="recorder")]))

    assert words.closed(label, value) == value


@pytest.mark.parametrize("label", sorted(Words().known))
@pytest.mark.parametrize("value", ["", "x.example", "ALLOW", "guard.", "pledge.made-up"])
def test_any_other_word_is_other(label: str, value: str) -> None:
    words = Words()
    words.learn(policy())

    assert words.closed(label, value) == OTHER
