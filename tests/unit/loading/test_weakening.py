"""What users and settings add may refuse more, never less: nothing takes requests from a shipped training operation."""

from pathlib import Path

import pytest

from subrosa.loading.faults import RuleErrors
from subrosa.loading.policy import load
from subrosa.policy.hostmap import HostPattern
from subrosa.policy.policy import Declared
from unit.loading.directories import GOOD, copied, inputs, written

FILE = """
provider: corp
hosts: ["{host}"]
operations:
  - id: corp.other
    purpose: {purpose}
    strength: {strength}
    request: {{method: {method}, path: "{path}"{fields}}}
"""


def shadows(directory: Path, **changes: str) -> bool:
    """Whether a user's operation is refused for what it would take from a shipped one."""
    form = {
        "host": "api.acme.example",
        "purpose": "inference",
        "strength": "definite",
        "method": "POST",
        "path": "/v1/jobs",
    }
    user = written(directory, destinations__corp=FILE.format(**{"fields": "", **form, **changes}))
    try:
        load(inputs(GOOD, user), 1)
    except RuleErrors as errors:
        return all("would take requests from" in fault.message for fault in errors.faults)
    return False


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        pytest.param({}, False, id="an equal claim takes nothing: the stricter of the two counts"),
        pytest.param({"fields": ", form: {a: b}"}, True, id="a field makes a claim more specific"),
        pytest.param({"path": "/v1/hub/acme/push"}, True, id="a literal is more specific than a name"),
        pytest.param({"path": "/v1/hub/{x}/push"}, False, id="another name for the same segment is equal"),
        pytest.param({"path": "/{rest...}"}, False, id="a wider path takes nothing"),
        pytest.param({"method": "GET"}, False, id="another method is another request"),
        pytest.param(
            {"method": "'*'", "fields": ", query: {a: b}"}, True, id="any method includes the shipped one"
        ),
        pytest.param(
            {"host": "a.eu.acme.example", "path": "/v1/files"}, True, id="an exact host below a suffix"
        ),
        pytest.param(
            {"host": "ml.x.acme.example", "path": "/v1/files"}, True, id="an exact host in a label pattern"
        ),
        pytest.param(
            {"host": "*.example", "path": "/v1/files", "fields": ", form: {a: b}"}, False, id="a wider suffix"
        ),
        pytest.param({"host": "api.other.example"}, False, id="another host"),
        pytest.param(
            {"path": "/v1/files", "fields": ", form: {purpose: other}"}, False, id="fields that differ"
        ),
        pytest.param(
            {"purpose": "fine-tuning", "fields": ", form: {a: b}"}, False, id="what trains too is welcome"
        ),
        pytest.param(
            {"purpose": "fine-tuning", "strength": "signal", "fields": ", form: {a: b}"},
            True,
            id="a signal is weaker",
        ),
        pytest.param(
            {"purpose": "dataset-hub", "strength": "signal", "path": "/v1/traces/a"},
            False,
            id="a signal over a signal",
        ),
        pytest.param({"path": "/v1/traces/a"}, True, id="what a signal claims is not free either"),
        pytest.param(
            {"path": "/v1/listen", "fields": ", query: {a: b}"}, True, id="training by default counts"
        ),
    ],
)
def test_a_user_s_operation_takes_nothing_from_a_shipped_one(
    changes: dict[str, str], refused: bool, tmp_path: Path
) -> None:
    assert shadows(tmp_path, **changes) is refused


def test_a_user_s_opt_out_does_not_replace_a_definite_claim(tmp_path: Path) -> None:
    fields = ", form: {a: b}}\n    unless: {query: {no: '1'}"

    assert shadows(tmp_path, purpose="model-improvement", fields=fields)


def test_a_declared_host_takes_nothing_from_a_shipped_operation(tmp_path: Path) -> None:
    user = written(
        tmp_path,
        destinations__corp="""
provider: corp
hosts: [api.corp.example]
operations:
  - {id: corp.files, purpose: inference, request: {method: POST, path: /v1/files}}
""",
    )
    declared = (Declared(host=HostPattern.parse("a.eu.acme.example"), speaks="corp"),)

    with pytest.raises(RuleErrors) as raised:
        load(inputs(GOOD, user, declared=declared), 1)

    assert str(raised.value) == (
        "settings destinations: host `a.eu.acme.example`: `corp.files` would take requests from `acme.files.tune`, "
        "which trains: write a `reclassify` of that operation, or claim other requests"
    )


def test_a_dialect_gives_way_to_what_is_known_of_one_host_unless_it_is_definite(tmp_path: Path) -> None:
    dialect = """
provider: compat
hosts: ["*"]
dialect: true
operations:
  - {{id: compat.files, purpose: dataset-upload, strength: {strength}, request: {{method: POST, path: "/v1/files"}}}}
"""
    builtin = tmp_path / "rules"
    for strength, refused in (("likely", False), ("definite", True)):
        for path in GOOD.rglob("*.yaml"):
            target = builtin / path.relative_to(GOOD)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
        written(builtin, destinations__compat=dialect.format(strength=strength))
        mine = FILE.format(
            host="files.corp.example",
            purpose="storage",
            strength="definite",
            method="POST",
            path="/v1/files",
            fields="",
        )
        user = written(tmp_path / "user", destinations__corp=mine)
        if refused:
            with pytest.raises(RuleErrors, match=r"would take requests from `compat\.files`"):
                load(inputs(builtin, user), 1)
        else:
            load(inputs(builtin, user), 1)


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        pytest.param("/v1/chat", True, id="a body that is read for tags stays read"),
        pytest.param("/v2/{rest...}", False, id="what nobody claims is free"),
    ],
)
def test_no_tag_is_hidden_by_calling_a_body_an_object(path: str, refused: bool, tmp_path: Path) -> None:
    text = FILE.format(
        host="api.acme.example", purpose="storage", strength="definite", method="POST", path=path, fields=""
    )
    user = written(tmp_path, destinations__corp=text + "    body: object\n")

    if refused:
        with pytest.raises(RuleErrors, match=r"from `acme\.chat`, whose bodies are read for tags"):
            load(inputs(GOOD, user), 1)
    else:
        load(inputs(GOOD, user), 1)


def test_a_declared_host_may_speak_the_api_that_is_known_there() -> None:
    declared = (Declared(host=HostPattern.parse("a.eu.acme.example"), speaks="acme"),)

    assert load(inputs(declared=declared), 1).warnings == ()


def test_what_is_reclassified_must_be_all_that_a_request_says(tmp_path: Path) -> None:
    rules = copied(tmp_path)
    with (rules / "destinations" / "acme.yaml").open("a") as file:
        file.write(
            "  - id: acme.graph.label\n    purpose: labelling\n    strength: likely\n"
            "    request: {method: POST, path: /graphql, graphql: {mutation: [label]}}\n"
        )
    own = written(
        tmp_path / "user",
        corp="reclassify:\n  - {operation: acme.graph.label, purpose: saas, owner: Ada, why: we label nothing, "
        "expires: 2027-01-01}\n",
    )

    def every(*extra: Path) -> bool:
        operation = load(inputs(rules, *extra), 1).policy.operation("acme.graph.label")
        assert operation is not None
        language = operation.requests[0].language
        assert language is not None
        return language.every

    assert not every()
    assert every(own)
