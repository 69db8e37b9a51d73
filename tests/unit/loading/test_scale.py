"""What a request is taken for does not depend on how many other operations there are."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subrosa.facts.hosts import Host
from subrosa.facts.paths import Path as RequestPath
from subrosa.loading.overlap import hosts_meet, requests_meet
from subrosa.loading.policy import load
from subrosa.policy.hostmap import HostPattern
from subrosa.policy.index import Index
from subrosa.policy.operations import Operation, RequestPattern
from subrosa.policy.policy import Policy
from subrosa.policy.purposes import Purpose
from unit.loading.directories import GOOD, inputs

PROVIDERS = 100


def generated(directory: Path, operations: int) -> Policy:
    """A policy with so many operations of users, in providers with exact, suffix and label hosts."""
    each = operations // PROVIDERS
    for at in range(PROVIDERS):
        host = (f"api.p{at}.example", f"'*.p{at}.example'", f"'ml.{{region}}.p{at}.example'")[at % 3]
        lines = [f"provider: p{at}", f"hosts: [{host}]", "operations:"]
        for number in range(each):
            path = (f"/v{number}/items", f"/v{number}/items/{{id}}", f"/v{number}/{{rest...}}")[number % 3]
            request = f"{{method: POST, path: '{path}'}}"
            lines.append(f"  - {{id: p{at}.o{number}, purpose: saas, request: {request}}}")
        (directory / f"p{at}.yaml").write_text("\n".join(lines) + "\n")
    return load(inputs(GOOD, directory), 1).policy


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> tuple[Policy, Policy]:
    few, many = tmp_path_factory.mktemp("few"), tmp_path_factory.mktemp("many")
    return generated(few, 100), generated(many, 10_000)


def claimed(policy: Policy, host: str, path: str) -> list[str]:
    return [
        claim.operation.id for claim in policy.index.claims(Host.parse(host), "POST", RequestPath.parse(path))
    ]


def sample_host(provider: int) -> str:
    return (f"api.p{provider}.example", f"a.b.p{provider}.example", f"ml.eu.p{provider}.example")[
        provider % 3
    ]


def test_the_shipped_operations_are_claimed_among_any_number(policies: tuple[Policy, Policy]) -> None:
    for policy in policies:
        assert claimed(policy, "api.acme.example", "/v1/jobs") == ["acme.jobs.create"]
        assert claimed(policy, "api.acme.example", "/v1/nothing") == []
        assert claimed(policy, "other.example", "/v0/items") == []


@given(provider=st.integers(0, PROVIDERS - 1), number=st.integers(0, 99))
def test_each_of_ten_thousand_operations_is_found(
    policies: tuple[Policy, Policy], provider: int, number: int
) -> None:
    path = (f"/v{number}/items", f"/v{number}/items/7", f"/v{number}/a/b/c")[number % 3]
    few, many = policies

    assert claimed(many, sample_host(provider), path) == [f"p{provider}.o{number}"]
    assert claimed(few, sample_host(provider), path) == ([f"p{provider}.o0"] if number == 0 else [])


@given(
    provider=st.integers(0, PROVIDERS - 1),
    number=st.integers(0, 99),
    wrong=st.sampled_from(["host", "path", "deep"]),
)
def test_what_none_of_them_claims_stays_unclaimed(
    policies: tuple[Policy, Policy], provider: int, number: int, wrong: str
) -> None:
    host = f"x.{sample_host(provider)}x" if wrong == "host" else sample_host(provider)
    path = {"host": f"/v{number}/items", "path": f"/w{number}/items", "deep": "/v"}[wrong]

    assert claimed(policies[1], host, path) == []


LABELS = st.sampled_from(["a", "b", "ab", "{x}", "a{x}", "{x}b", "a{x}b"])
HOSTS = st.builds(
    lambda suffix, labels: HostPattern.parse(("*." if suffix else "") + ".".join([*labels, "example"])),
    st.booleans(),
    st.lists(LABELS, max_size=2),
)
NAMES = st.lists(st.sampled_from(["a", "b", "ab", "acb", "c"]), max_size=3)
PATHS = st.builds(
    lambda segments, rest: "/" + "/".join([*segments, *(["{r...}"] if rest else [])]),
    st.lists(LABELS, max_size=2),
    st.booleans(),
)


@given(first=HOSTS, second=HOSTS, labels=NAMES)
def test_two_host_patterns_that_cover_one_host_meet(
    first: HostPattern, second: HostPattern, labels: list[str]
) -> None:
    host = Host.parse(".".join([*labels, "example"]))

    if first.covers(host) and second.covers(host):
        assert hosts_meet(first, second)
        assert hosts_meet(second, first)


@given(first=PATHS, second=PATHS, segments=NAMES)
def test_two_paths_that_match_one_request_meet(first: str, second: str, segments: list[str]) -> None:
    host = HostPattern.parse("a.example")
    patterns = [RequestPattern(frozenset({"POST"}), path) for path in (first, second)]
    index = Index()
    for at, pattern in enumerate(patterns):
        index.add(
            host, Operation(id=str(at), provider="p", purpose=Purpose.SAAS, requests=(pattern,)), pattern
        )

    found = index.claims(Host.parse("a.example"), "POST", RequestPath.parse("/" + "/".join(segments)))
    if len({claim.operation.id for claim in found}) == 2:
        assert requests_meet(*patterns)
