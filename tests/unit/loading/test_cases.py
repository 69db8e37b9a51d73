"""Cases: data in, the same request for every client out; a case that fails says in what."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from subrosa.facts.references import GuardedStore, Provider
from subrosa.loading.caseforms import ExpectForm
from subrosa.loading.cases import Case, load_cases, wire
from subrosa.loading.faults import RuleErrors
from subrosa.loading.running import Policies, raw_head, run_case, run_kind_case, verdict_of
from subrosa.policy.policy import Profile
from subrosa.policy.sources import Source, Sources
from subrosa.policy.verdict import Outcome, Verdict
from unit.loading.directories import GOOD, copied, inputs, written

GOOD_CASES = load_cases(inputs())
POLICIES = Policies(inputs())


def case(directory: Path, text: str) -> Case:
    """The one case of a test file beside the good directory."""
    given = inputs(GOOD, written(directory / "user", **{"corp.test": text}))
    (only,) = (one for one in load_cases(given).requests if not one.builtin)
    return only


def named(sentence: str) -> Case:
    return next(one for one in GOOD_CASES.requests if one.name == sentence)


@pytest.mark.parametrize("one", GOOD_CASES.requests, ids=lambda one: one.id)
def test_the_good_cases_pass(one: Case) -> None:
    assert run_case(POLICIES, one) is None


def test_the_good_content_cases_pass() -> None:
    assert len(GOOD_CASES.kinds) == 4
    assert [run_kind_case(POLICIES(GOOD_CASES.requests[0]), one) for one in GOOD_CASES.kinds] == [None] * 4


@pytest.mark.parametrize(
    ("body", "lines", "octets"),
    [
        pytest.param(
            "json: {a: [1, 1.5, true, null, é]}",
            "application/json",
            '{"a": [1, 1.5, true, null, "é"]}',
            id="json",
        ),
        pytest.param(
            "form: {a: b c, d: [e, '&']}", "application/x-www-form-urlencoded", "a=b+c&d=e&d=%26", id="form"
        ),
        pytest.param("text: ' a '", None, " a ", id="text as it is"),
        pytest.param("base64: YWI=", None, "ab", id="base64"),
        pytest.param("sample: sales.csv", None, "month,sum\n1,2\n", id="a sample"),
        pytest.param(
            "multipart: [{a: b}, {f: {filename: x.vtt, content_type: text/vtt, text: W}}, {g: {base64: YWI=}}]",
            "multipart/form-data; boundary=subrosa-case-boundary",
            '--subrosa-case-boundary\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n'
            '--subrosa-case-boundary\r\nContent-Disposition: form-data; name="f"; filename="x.vtt"\r\n'
            "Content-Type: text/vtt\r\n\r\nW\r\n"
            '--subrosa-case-boundary\r\nContent-Disposition: form-data; name="g"\r\n\r\nab\r\n'
            "--subrosa-case-boundary--\r\n",
            id="multipart",
        ),
    ],
)
def test_a_body_is_octets_and_the_type_that_goes_with_it(
    body: str, lines: str | None, octets: str, tmp_path: Path
) -> None:
    text = f"- name: x\n  send: {{url: 'https://a.example/b', {body}}}\n  expect: {{verdict: allow}}\n"

    assert wire(case(tmp_path, text)) == (
        "POST",
        "https://a.example/b",
        (("Content-Type", lines),) if lines else (),
        octets.encode(),
    )


def test_a_type_of_one_s_own_is_kept_and_a_list_sends_a_field_twice(tmp_path: Path) -> None:
    send = "{url: 'http://a.example', headers: {content-type: a/b, X-A: [1, b]}, json: {}}"

    sent = case(tmp_path, f"- name: x\n  send: {send}\n  expect: {{verdict: allow}}\n")
    assert sent.lines == (("content-type", "a/b"), ("X-A", "1"), ("X-A", "b"))


def test_a_case_without_body_is_a_get() -> None:
    assert named("a host that lets itself be asked for jobs is another operation").method == "GET"


def test_https_comes_through_a_tunnel_and_http_in_absolute_form() -> None:
    one = named("chat passes")
    _, tunnelled = raw_head(one)
    _, absolute = raw_head(replace(one, url="http://api.acme.example:8080/v1/chat?a=b"))

    assert (tunnelled.tls, tunnelled.target, str(tunnelled.tunnel)) == (
        True,
        b"/v1/chat",
        "api.acme.example:443",
    )
    assert (absolute.tls, absolute.target, absolute.tunnel) == (
        False,
        b"http://api.acme.example:8080/v1/chat?a=b",
        None,
    )
    assert dict(absolute.lines)[b"Host"] == b"api.acme.example:8080"
    assert dict(absolute.lines)[b"Content-Length"] == b"15"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(
            {"verdict": "allow"},
            "expected verdict allow, got block by pledge.training-destination at ",
            id="verdict",
        ),
        pytest.param(
            {"operation": "acme.chat"},
            "expected operation `acme.chat`, got `acme.files.tune`",
            id="operation",
        ),
        pytest.param(
            {"rule": "pledge.training-tag"}, "expected rule `pledge.training-tag`, got `pledge.tr", id="rule"
        ),
        pytest.param({"reason": "limit"}, "expected reason `limit`, got `training-destination`", id="reason"),
        pytest.param({"stage": "head"}, "expected stage head, got ", id="stage"),
    ],
)
def test_a_case_that_fails_says_in_what(change: dict[str, Any], told: str) -> None:
    one = named("meeting content for a training call is refused")
    expect = replace(one.expect, **change)

    failure = run_case(POLICIES, replace(one, expect=expect))
    assert failure is not None
    assert told in str(failure)
    assert str(failure).startswith(
        "rules/pledge.test.yaml:1: meeting content for a training call is refused\n"
    )


def test_a_content_case_that_fails_says_who_knows_it_and_who_does_not() -> None:
    one = next(one for one in GOOD_CASES.kinds if one.filename.startswith("GMT"))

    failure = run_kind_case(POLICIES(GOOD_CASES.requests[0]), replace(one, expect=("isobmff",)))
    assert failure is not None
    assert failure.differences == (
        "`isobmff` does not recognise it",
        "`acme-recording-name` recognises it too",
    )


def test_a_head_that_is_refused_is_a_verdict_too() -> None:
    one = replace(named("chat passes"), lines=(("Host", "api.other.example"),))
    verdict = verdict_of(POLICIES(one), one)

    assert (verdict.outcome, verdict.rules) == (Outcome.BLOCK, ("guard.authority-mismatch",))


def test_a_case_states_its_own_source_profile_stores_and_facts() -> None:
    job = named("a job that names a guarded store is refused, whoever asks")
    strict = named("the strict profile refuses what nobody knows")
    opted = named("a transcription passes where the account has opted out")

    assert not POLICIES(job).sources.named[0].holds_content
    assert POLICIES(job).guarded.stores == (GuardedStore(Provider.S3, "rec", "meetings"),)
    assert POLICIES(strict).profile is Profile.STRICT
    assert POLICIES(opted).asserted == {"acme.opted-out"}
    assert POLICIES(named("chat passes")).sources.named[0].holds_content


def test_a_case_may_come_from_a_source_of_the_settings() -> None:
    sources = Sources((Source(name="recorder", users=frozenset({"rec"}), holds_content=False),))
    policies = Policies(inputs(sources=sources))

    found = policies(replace(named("chat passes"), source="recorder")).sources.named[0]
    assert (found.name, found.holds_content, found.users) == ("recorder", False, frozenset())


def test_no_case_at_all_is_a_fault(tmp_path: Path) -> None:
    rules = copied(tmp_path)
    for path in rules.rglob("*.test.yaml"):
        path.unlink()

    with pytest.raises(RuleErrors, match="no test case was found"):
        load_cases(inputs(rules))


def test_a_sample_is_looked_for_in_the_samples_only(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")

    with pytest.raises(RuleErrors, match=r"`\.\./\.\./secret` is no sample"):
        case(
            tmp_path,
            "- name: x\n  send: {url: 'http://a.example', sample: ../../secret}\n  expect: {verdict: allow}\n",
        )


def test_what_a_case_leaves_away_is_not_compared() -> None:
    one = named("chat passes")
    silent = ExpectForm(spot=one.expect.spot, verdict="allow")

    assert run_case(POLICIES, replace(one, expect=silent)) is None


def test_a_verdict_that_hangs_on_the_pieces_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    one = named("chat passes")
    monkeypatch.setattr(
        "subrosa.loading.running.verdict_of",
        lambda _policy, _case, piece=0: Verdict(
            outcome=Outcome.BLOCK if piece else Outcome.ALLOW, operation="acme.chat"
        ),
    )

    assert str(run_case(POLICIES, one)).endswith(
        "in pieces of 7 octets: block at connect, reason no-verdict, but whole: allow at connect, reason no-verdict"
    )


def test_a_host_that_is_none_is_a_refused_head() -> None:
    one = replace(named("chat passes"), url="https://a..example/")

    assert verdict_of(POLICIES(one), one).rules == ("guard.head",)
