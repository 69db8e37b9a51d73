"""`check` tells what loading does not need: sources, reviews, owners, tests, claims made twice."""

from dataclasses import replace
from pathlib import Path

import pytest

from subrosa.loading.lint import check
from unit.loading.directories import GOOD, copied, inputs, written


def told(rules: Path, *extra: Path, today: str = "2026-11-25") -> list[str]:
    found = check(inputs(rules, *extra, today=today))
    return [f"{'warning: ' if fault.warning else ''}{fault}" for fault in found]


def test_the_good_directory_is_without_fault() -> None:
    assert check(inputs()) == ()


ACME = "destinations/acme.yaml"
TESTS = "destinations/acme.test.yaml"


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        pytest.param(
            ACME,
            "    source: https://acme.example/docs/chat\n",
            "",
            "rules/destinations/acme.yaml:46:5 operations[6]: `source` is missing: write an address, "
            "`pkg name==version: file` or `repo owner/name@commit path`",
            id="an operation without source",
        ),
        pytest.param(
            ACME,
            "source: https://acme.example/docs/chat",
            "source: the docs",
            "rules/destinations/acme.yaml:49:13 operations[6].source: `the docs` is no source: write an address, "
            "`pkg name==version: file` or `repo owner/name@commit path`",
            id="a source that is none",
        ),
        pytest.param(
            ACME,
            "    breaks: whoever publishes models only\n",
            "",
            "rules/destinations/acme.yaml:40:5 operations[5]: `breaks` is missing: who could be hurt "
            "by a wrong block?",
            id="a training operation that breaks nobody",
        ),
        pytest.param(
            ACME,
            "reviewed: 2026-11-01\n",
            "",
            "rules/destinations/acme.yaml:1:1: `reviewed` is missing: the day on which it was "
            "compared with its sources",
            id="a provider that nobody reviewed",
        ),
        pytest.param(
            ACME,
            "reviewed: 2026-11-01",
            "reviewed: 2027-11-01",
            "rules/destinations/acme.yaml:4:11 reviewed: `2027-11-01` is not there yet: write the "
            "day of the last review",
            id="a review of tomorrow",
        ),
        pytest.param(
            ACME,
            "reviewed: 2026-11-01",
            "reviewed: 2025-11-01",
            "warning: rules/destinations/acme.yaml:4:11 reviewed: reviewed 389 days ago: compare it "
            "with its sources again",
            id="a review of the year before",
        ),
        pytest.param(
            ACME,
            "path: /v1/files, form: {purpose: [assistants, null]}",
            "path: /v1/files, form: {purpose: [tune-2]}",
            "rules/destinations/acme.yaml:12:5 operations[1]: `acme.files.create` claims requests "
            "that `acme.files.tune` "
            "claims too (on `*.eu.acme.example`): tell them apart by host, path or fields",
            id="two operations for one request",
        ),
        pytest.param(
            ACME,
            'request: {method: POST, path: "/v1/hub/{owner}/push"}',
            'request: {method: POTS, path: "/v1/hub/{owner}/push"}',
            "rules/destinations/acme.yaml:43:23 operations[5].request.method: `POTS` is no method: write `POST` "
            "or `REPORT`",
            id="a method that is none",
        ),
        pytest.param(
            "pledge.yaml",
            "    source: https://acme.example/pledge\n",
            "",
            "rules/pledge.yaml:4:5 rules[0]: `source` is missing: write an address, `pkg name==version: file` or "
            "`repo owner/name@commit path`",
            id="a sealed rule without source",
        ),
        pytest.param(
            "tags.yaml",
            "reviewed: 2026-11-01\n",
            "",
            "rules/tags.yaml:1:1: `reviewed` is missing: the day on which it was compared with its sources",
            id="tags that nobody reviewed",
        ),
        pytest.param(
            "content/video.yaml",
            "    source: https://acme.example/names\n",
            "",
            "rules/content/video.yaml:4:5 recognisers[0]: `source` is missing: name the standard, or "
            "where it was seen",
            id="a recogniser without source",
        ),
        pytest.param(
            TESTS,
            "expect: {verdict: block, operation: acme.models}",
            "expect: {verdict: block, operation: acme.model}",
            "rules/destinations/acme.test.yaml:34:39 [10].expect.operation: `acme.model` is no operation: write "
            "`acme.models` or `acme.store`",
            id="a case about an operation that nobody has",
        ),
        pytest.param(
            "pledge.test.yaml",
            "rule: pledge.training-tag",
            "rule: pledge.training-tags",
            "rules/pledge.test.yaml:10:34 [2].expect.rule: `pledge.training-tags` is no rule: write "
            "`pledge.training-tag` "
            "or `pledge.training-signal` or `pledge.training-destination`",
            id="a case about a rule that nobody has",
        ),
        pytest.param(
            TESTS,
            "assert: [acme.opted-out]",
            "assert: [acme.opted]",
            "rules/destinations/acme.test.yaml:25:11 [7].expect: `acme.opted` is no fact that an "
            "operation asks for: write "
            "`acme.opted-out`",
            id="a case about a fact that nobody asks for",
        ),
        pytest.param(
            "content/video.test.yaml",
            "expect: [{recogniser: isobmff}]",
            "expect: [{recogniser: isobmf}]",
            "rules/content/video.test.yaml:4:1: `isobmf` is no recogniser: write `isobmff`",
            id="a case about a recogniser that nobody has",
        ),
    ],
)
def test_a_fault_is_told_word_for_word(file: str, old: str, new: str, expected: str, tmp_path: Path) -> None:
    rules = copied(tmp_path)
    text = (rules / file).read_text()
    assert old in text
    (rules / file).write_text(text.replace(old, new, 1))

    assert expected in told(rules)


def test_how_old_a_review_may_be_is_told_by_the_settings(tmp_path: Path) -> None:
    def warned(days: int) -> bool:
        found = check(replace(inputs(copied(tmp_path / str(days))), review_days=days))
        return any(fault.warning for fault in found)

    assert warned(20)
    assert not warned(24)


ACME_MORE = "  - id: acme.more\n    purpose: saas\n    source: https://acme.example/docs\n    breaks: nobody\n    {}\n"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        pytest.param(
            "request: {method: TRACE, path: /v1/x}", "request.method: `TRACE` is refused whatever", id="trace"
        ),
        pytest.param(
            "request: {method: GET, path: /v1/x, form: {a: b}}",
            "a GET has no body with such",
            id="a form of GET",
        ),
        pytest.param(
            "request: {method: HEAD, path: /v1/x, json: {a: b}}",
            "a HEAD has no body with such",
            id="JSON of HEAD",
        ),
        pytest.param(
            "request: {method: [GET, HEAD], path: /v1/x, form: {a: b}}",
            "a GET, HEAD has no body with such",
            id="both",
        ),
        pytest.param(
            "request: {method: PUT, path: /v1/x, json: {a: b}}\n    body: object",
            "`body: object` is not read for fields",
            id="fields of an object",
        ),
        pytest.param(
            "request: {method: POST, path: /v1/files, form: {purpose: tune-3, mode: fast}}",
            "`acme.more` is never told: `acme.files.tune` takes all its requests",
            id="what always trains too",
        ),
        pytest.param(
            "request: {method: POST, path: /v1/chat}",
            "`acme.more` claims requests that `acme.chat` claims too",
            id="the request of another",
        ),
        pytest.param(
            "request: {method: '*', path: '/v1/chat'}",
            "`acme.more` claims requests that `acme.chat` claims too",
            id="the request of another, by any method",
        ),
        pytest.param("request: {method: GET, path: /v1/x, json: {a: b}}", "", id="JSON of a WebSocket"),
        pytest.param("request: {method: GET, path: /v1/x, graphql: {query: a}}", "", id="GraphQL in a query"),
        pytest.param("request: {method: PROPFIND, path: /v1/x}", "", id="a method of WebDAV"),
        pytest.param(
            "request: {method: POST, path: /v1/files, form: {purpose: other, mode: fast}}",
            "",
            id="another value",
        ),
        pytest.param("request: {method: POST, path: /v1/files, query: {mode: fast}}", "", id="another field"),
        pytest.param("request: {method: PUT, path: /v1/chat}", "", id="another method"),
    ],
)
def test_what_no_request_can_reach_is_told(more: str, expected: str, tmp_path: Path) -> None:
    rules = copied(tmp_path)
    with (rules / ACME).open("a") as file:
        file.write(ACME_MORE.format(more))

    lines = [line for line in told(rules) if "is not tested" not in line and "no near miss" not in line]
    assert expected in "\n".join(lines)
    assert bool(lines) is bool(expected)


GRAPH = (
    "  - id: acme.graph.{}\n    purpose: {}\n    strength: likely\n    source: https://acme.example/g\n"
    "    breaks: nobody\n    request: {{method: POST, path: /g, graphql: {{mutation: [{}]}}}}\n"
)


@pytest.mark.parametrize(
    ("names", "purpose", "expected"),
    [
        ("label", "labelling", "`acme.graph.two` claims requests that `acme.graph.one` claims too"),
        ('"la*"', "saas", "`acme.graph.two` claims requests that `acme.graph.one` claims too"),
        ("tag", "saas", ""),
    ],
)
def test_root_fields_tell_operations_apart(names: str, purpose: str, expected: str, tmp_path: Path) -> None:
    rules = copied(tmp_path)
    with (rules / ACME).open("a") as file:
        file.write(GRAPH.format("one", "labelling", "label") + GRAPH.format("two", purpose, names))

    found = "\n".join(told(rules))
    assert expected in found
    assert ("claims too" in found) is bool(expected)


def test_a_training_operation_that_is_sent_references_is_hinted_at(tmp_path: Path) -> None:
    rules = copied(tmp_path)
    text = (rules / ACME).read_text()
    (rules / ACME).write_text(text.replace("    carries: reference\n", ""))

    assert (
        "warning: rules/destinations/acme.yaml:17:5 operations[2]: `acme.jobs.create` is sent `s3://somewhere/a` in "
        "its cases: write `carries: reference`, so that guarded stores count"
    ) in told(rules)


CASE = "- name: {name}\n  {more}send: {{{send}}}\n  expect: {{verdict: {verdict}}}\n"


def only(rules: Path, file: str, *cases: tuple[str, str]) -> None:
    """Leave these cases in a test file: what is sent, and the verdict."""
    text = "".join(
        CASE.format(name=f"case {at}", more="", send=send, verdict=verdict)
        for at, (send, verdict) in enumerate(cases)
    )
    (rules / file).write_text(text)


HUB = 'url: "https://api.acme.example/v1/hub/a/push", json: {}'
CHAT = 'url: "https://api.acme.example/v1/chat", json: {}'
LISTEN = 'url: "https://api.acme.example/v1/listen{}", text: x'


@pytest.mark.parametrize(
    ("cases", "expected"),
    [
        pytest.param(
            [(CHAT, "allow")],
            {"`acme.models` is not tested: no case beside it refuses it"},
            id="a training operation needs a refusal",
        ),
        pytest.param(
            [(HUB, "block")],
            {
                "`acme.models` has no near miss: no case beside it calls the same host and passes as something else",
                "`acme.chat` is not tested: no case beside it calls it",
            },
            id="a training operation needs a near miss on its host",
        ),
        pytest.param(
            [(HUB, "block"), ('url: "https://api.other.example/v1/chat", json: {}', "allow")],
            {
                "`acme.models` has no near miss: no case beside it calls the same host and passes as something else"
            },
            id="a case on another host is no near miss",
        ),
        pytest.param(
            [(LISTEN.format(""), "block")],
            {
                (
                    "`acme.listen` has no near miss: no case beside it calls the same host and passes "
                    "with the opt-out, or as "
                    "something else"
                )
            },
            id="training by default needs its opt-out tried",
        ),
        pytest.param(
            [(CHAT, "allow")],
            {"`acme.chat` has no near miss: no case beside it calls the same host and is something else"},
            id="an ordinary operation needs one too",
        ),
    ],
)
def test_each_operation_is_proved_by_the_cases_beside_it(
    cases: list[tuple[str, str]], expected: set[str], tmp_path: Path
) -> None:
    rules = copied(tmp_path)
    only(rules, TESTS, *cases)

    messages = {line.partition("]: ")[2] for line in told(rules)}
    assert expected <= messages


def test_an_operation_with_both_is_not_told(tmp_path: Path) -> None:
    rules = copied(tmp_path)
    only(
        rules,
        TESTS,
        (HUB, "block"),
        (CHAT, "allow"),
        (LISTEN.format(""), "block"),
        (LISTEN.format("?no_train=true"), "allow"),
    )

    assert not [
        line for line in told(rules) if "acme.models" in line or "acme.listen" in line or "acme.chat" in line
    ]


def test_a_request_without_content_is_no_near_miss(tmp_path: Path) -> None:
    rules = copied(tmp_path)
    send = CASE.format(name="x", more="source: nothing\n  ", send=CHAT, verdict="allow")
    (rules / TESTS).write_text(CASE.format(name="y", more="", send=HUB, verdict="block") + send)

    assert any("`acme.models` has no near miss" in line for line in told(rules))


@pytest.mark.parametrize("file", ["pledge", "tags", "destinations/acme", "content/video", "profiles/strict"])
def test_every_file_needs_its_tests_beside_it(file: str, tmp_path: Path) -> None:
    rules = copied(tmp_path)
    (rules / f"{file}.test.yaml").unlink()

    stem = file.rpartition("/")[2]
    assert f"rules/{file}.yaml:1:1: has no tests: write `{stem}.test.yaml` beside it" in told(rules)


def test_a_test_file_beside_nothing_tests_nothing(tmp_path: Path) -> None:
    rules = copied(tmp_path)
    (rules / "tags.test.yaml").rename(rules / "tag.test.yaml")

    assert "rules/tag.test.yaml:1:1: tests nothing: no `tag.yaml` stands beside it" in told(rules)


def test_rules_and_recognisers_need_their_cases(tmp_path: Path) -> None:
    rules = copied(tmp_path)
    (rules / "profiles/strict.test.yaml").write_text(
        CASE.format(name="x", more="", send=HUB, verdict="block")
    )
    (rules / "content/video.test.yaml").write_text('- {name: x, text: "a", expect: []}\n')

    assert [line for line in told(rules) if "strict" in line or "isobmff" in line] == [
        (
            "rules/content/video.yaml:8:5 recognisers[1]: recogniser `isobmff` is not tested: no case "
            "beside it is known by it"
        ),
        (
            "rules/profiles/strict.yaml:4:5 rules[0]: rule `strict.unclassified` has no near miss: no "
            "case beside it passes "
            "without it"
        ),
        "rules/profiles/strict.yaml:4:5 rules[0]: rule `strict.unclassified` is not tested: no case is decided by it",
    ]


def test_an_allow_of_a_user_needs_an_owner_and_an_end(tmp_path: Path) -> None:
    rule = "rules:\n  - {id: corp.a, verdict: allow, when: {host: a.example}}\n"
    cases = CASE.format(name="x", more="", send='url: "https://a.example", json: {}', verdict="allow")
    cases += CASE.format(name="y", more="", send='url: "https://b.example", json: {}', verdict="allow")
    user = written(tmp_path / "user", corp=rule, **{"corp.test": cases})

    assert [line.removeprefix(f"{tmp_path}/") for line in told(GOOD, user)] == [
        "user/corp.yaml:2:5 rules[0]: `expires` is missing: the last day on which this allow counts",
        "user/corp.yaml:2:5 rules[0]: `owner` is missing: who answers for this allow?",
    ]


def test_a_user_s_provider_needs_tests_but_no_source(tmp_path: Path) -> None:
    operation = "{id: corp.a, purpose: saas, request: {method: PUT, path: /a}}"
    text = f"provider: corp\nhosts: [a.example]\noperations: [{operation}]\n"
    user = written(tmp_path / "user", destinations__corp=text)

    found = [line.removeprefix(f"{tmp_path}/") for line in told(GOOD, user)]
    assert "user/destinations/corp.yaml:1:1: has no tests: write `corp.test.yaml` beside it" in found
    assert not [line for line in found if "source" in line or "reviewed" in line]


def test_a_signal_that_an_opt_out_would_make_block_alone_is_a_fault(tmp_path: Path) -> None:
    operation = (
        "{id: corp.a, purpose: model-improvement, strength: signal, request: {method: PUT, path: /a}, "
        "unless: {assert: corp.opt-out}}"
    )
    text = f"provider: corp\nhosts: [a.example]\noperations: [{operation}]\n"
    user = written(tmp_path / "user", destinations__corp=text)

    assert [line for line in told(GOOD, user) if "unless: a `signal` never blocks alone" in line]


def test_what_expired_is_a_warning(tmp_path: Path) -> None:
    rule = (
        "rules:\n  - {id: corp.a, verdict: allow, when: {host: a.example}, owner: Ada, expires: 2026-01-01}\n"
    )
    user = written(tmp_path / "user", corp=rule)

    assert any(line.startswith("warning: ") and "expired on 2026-01-01" in line for line in told(GOOD, user))
