"""Schemas and README say what the code reads, and the README's example is green."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from subrosa.facts.hosts import Host
from subrosa.loading import caseforms, forms, tableforms
from subrosa.loading.cases import load_cases
from subrosa.loading.form import Form
from subrosa.loading.lint import check
from subrosa.loading.nodes import plain, read
from subrosa.loading.policy import load
from subrosa.loading.running import Policies, run_case
from subrosa.loading.schema import schemas, write_schemas
from unit.loading.directories import GOOD, inputs, written
from unit.loading.readme import FORMS, facts, table

RULES = Path(__file__).resolve().parents[3] / "rules"
README = RULES / "README.md"


def blocks(language: str) -> list[str]:
    """The fenced blocks of the README in one language."""
    found: list[str] = re.findall(
        rf"^```{language}\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL
    )
    return found


@pytest.mark.parametrize("title", FORMS)
def test_the_readme_names_every_key(title: str) -> None:
    assert f"\n### {title}\n\n{table(FORMS[title])}\n" in README.read_text()


def test_the_readme_leaves_out_no_form() -> None:
    known = {
        value
        for module in (forms, tableforms, caseforms)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Form) and value is not Form
    }

    assert known == set(FORMS.values())


def test_the_readme_names_every_fact() -> None:
    assert facts() in README.read_text()


def test_the_readme_s_provider_is_green(tmp_path: Path) -> None:
    provider, cases = blocks("yaml")[:2]
    user = written(
        tmp_path / "my-rules", destinations__corp_ai=provider, **{"destinations__corp_ai.test": cases}
    )
    for path in (user / "destinations").iterdir():
        path.rename(path.with_name(path.name.replace("corp_ai", "corp-ai")))
    given = inputs(GOOD, user)

    assert check(given) == ()
    policies = Policies(given)
    mine = [case for case in load_cases(given).requests if not case.builtin]
    assert len(mine) == 2
    assert [run_case(policies, case) for case in mine] == [None, None]


def test_the_readme_s_error_is_the_loader_s(tmp_path: Path) -> None:
    text = blocks("yaml")[0].replace("path: /v1/datasets", "pth: /v1/datasets")
    path = written(tmp_path / "my-rules", destinations__corp=text) / "destinations" / "corp.yaml"
    path.rename(path.with_name("corp-ai.yaml"))

    told = [str(fault).removeprefix(f"{tmp_path}/") for fault in check(inputs(GOOD, tmp_path / "my-rules"))]
    assert blocks("text")[0].strip() in told


def test_the_readme_s_own_rules_load(tmp_path: Path) -> None:
    policy = load(inputs(RULES, written(tmp_path, corp=blocks("yaml")[2])), 1).policy

    assert "corp.no-file-hosts" in [rule.id for rule in policy.blocks.on(Host.parse("a.files.example"))]
    assert [one.id for one in policy.providers["openai"].operations if one.reclassified] == [
        "openai.fine_tuning.graders.run"
    ]


def test_the_schemas_are_current() -> None:
    assert {path.name: path.read_text() for path in (RULES / "schema").iterdir()} == schemas()


def test_the_schemas_are_written_into_a_directory(tmp_path: Path) -> None:
    write_schemas(tmp_path / "schema")

    assert {path.name for path in (tmp_path / "schema").iterdir()} == set(schemas())


def fits(value: Any, schema: dict[str, Any], top: dict[str, Any]) -> bool:
    """Whether a value fits a schema; knows the keywords that our schemas use, and no other."""
    checks: dict[str, Callable[[Any], bool]] = {
        "$ref": lambda ref: fits(value, top["$defs"][ref.removeprefix("#/$defs/")], top),
        "anyOf": lambda options: any(fits(value, option, top) for option in options),
        "enum": lambda words: value in words,
        "type": lambda names: is_a(value, names),
        "pattern": lambda pattern: not isinstance(value, str) or re.search(pattern, value) is not None,
        "minLength": lambda least: not isinstance(value, str) or len(value) >= least,
        "minimum": lambda least: value >= least,
        "maximum": lambda most: value <= most,
        "minItems": lambda least: not isinstance(value, list) or len(value) >= least,
        "items": lambda item: not isinstance(value, list) or all(fits(one, item, top) for one in value),
        "required": lambda names: set(names) <= set(value),
        "minProperties": lambda least: len(value) >= least,
        "maxProperties": lambda most: len(value) <= most,
        "properties": lambda known: all(
            fits(one, known[name], top) for name, one in value.items() if name in known
        ),
        "additionalProperties": lambda rest: all(
            rest is not False and fits(one, rest, top)
            for name, one in value.items()
            if name not in schema.get("properties", {})
        ),
    }
    aside = {"$schema", "$defs", "title", "description", "format", "contentEncoding"}
    if "type" in schema and not is_a(value, schema["type"]):
        return False
    return all(checks[keyword](argument) for keyword, argument in schema.items() if keyword not in aside)


KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "number": (int, float),
    "integer": (int,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}


def is_a(value: Any, names: str | list[str]) -> bool:
    """Whether a value has one of JSON's types."""
    names = [names] if isinstance(names, str) else names
    if isinstance(value, bool):
        return "boolean" in names
    return any(isinstance(value, KINDS[name]) for name in names)


def schema_of(path: Path) -> str:
    if path.name.endswith(".test.yaml"):
        return "test"
    return {"destinations": "destinations", "content": "content"}.get(
        path.parent.name, "tags" if path.stem == "tags" else "rules"
    )


@pytest.mark.parametrize("directory", [GOOD, RULES], ids=["good", "shipped"])
def test_the_schemas_accept_what_the_loader_accepts(directory: Path) -> None:
    files = sorted(directory.rglob("*.yaml"))
    known = {name.partition(".")[0]: json.loads(text) for name, text in schemas().items()}

    assert files
    for path in files:
        node = read(path.read_bytes(), path.name, [])
        assert node is not None
        schema = known[schema_of(path)]
        assert fits(plain(node), schema, schema), path


def test_the_schemas_refuse_what_the_loader_refuses() -> None:
    schema = json.loads(schemas()["rules.schema.json"])
    rule = {"id": "corp.x", "verdict": "block", "when": {"not": {"tag": ["training"]}}}

    assert fits({"rules": [rule]}, schema, schema)
    for bad in ({"verdict": "blok"}, {"when": {"not": {"tag": "trainin"}}}, {"unknown": 1}, {"id": "X"}):
        assert not fits({"rules": [{**rule, **bad}]}, schema, schema)
