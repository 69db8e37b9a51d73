"""Host patterns: what they cover, what just escapes them, and what is refused when written."""

import re

import pytest

from subrosa.facts.hosts import Host
from subrosa.policy.hostmap import HostMap, HostPattern


@pytest.mark.parametrize(
    ("pattern", "host", "covered"),
    [
        pytest.param("api.openai.com", "api.openai.com", True, id="an exact name covers itself"),
        pytest.param("api.openai.com", "API.OpenAI.com.", True, id="case and a root dot are no other host"),
        pytest.param(
            "api.openai.com", "eu.api.openai.com", False, id="an exact name covers nothing below it"
        ),
        pytest.param(
            "api.openai.com", "api.openai.com.evil.example", False, id="a name as prefix is another host"
        ),
        pytest.param("*.openai.com", "eu.api.openai.com", True, id="a star covers any depth below"),
        pytest.param("*.openai.com", "openai.com", False, id="a star does not cover the name itself"),
        pytest.param("*.openai.com", "notopenai.com", False, id="a star stops at a label's edge"),
        pytest.param(
            "bedrock.{region}.amazonaws.com", "bedrock.eu-west-1.amazonaws.com", True, id="one label"
        ),
        pytest.param(
            "bedrock.{region}.amazonaws.com", "bedrock.a.b.amazonaws.com", False, id="not two labels"
        ),
        pytest.param("bedrock.{region}.amazonaws.com", "bedrock.amazonaws.com", False, id="not none"),
        pytest.param(
            "{region}-aiplatform.googleapis.com", "us-east1-aiplatform.googleapis.com", True, id="an affix"
        ),
        pytest.param(
            "{region}-aiplatform.googleapis.com", "-aiplatform.googleapis.com", False, id="an empty affix"
        ),
        pytest.param("*", "10.1.2.3", True, id="a lone star covers addresses too"),
        pytest.param("10.1.2.3", "0x0a010203", True, id="an address in any spelling"),
    ],
)
def test_patterns(pattern: str, host: str, covered: bool) -> None:
    try:
        parsed = Host.parse(host)
    except ValueError:
        assert not covered
        return
    assert HostPattern.parse(pattern).covers(parsed) is covered


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("API.openai.com", "write `api.openai.com`", id="upper case"),
        pytest.param("api.openai.com.", "write `api.openai.com`", id="a root dot"),
        pytest.param("api.*.com", "api.*.com", id="a star in the middle"),
        pytest.param("*.*.com", "*.*.com", id="two stars"),
        pytest.param("0x7f000001", "write `127.0.0.1`", id="an odd spelling of an address"),
    ],
)
def test_what_is_not_canonical_is_refused(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        HostPattern.parse(text)


def test_a_map_gives_the_values_of_all_patterns_that_cover_a_host() -> None:
    hosts: HostMap[str] = HostMap()
    for text in ("*", "*.com", "*.openai.com", "api.openai.com", "{x}.openai.com", "other.example"):
        hosts.set(HostPattern.parse(text), text)
    found = sorted(hosts.get(Host.parse("api.openai.com")))
    assert found == sorted(["*", "*.com", "*.openai.com", "api.openai.com", "{x}.openai.com"])
    assert hosts.anywhere == "*"


def test_the_first_value_at_a_pattern_stays() -> None:
    hosts: HostMap[str] = HostMap()
    pattern = HostPattern.parse("a.example")
    assert hosts.set(pattern, "first") == "first"
    assert hosts.set(pattern, "second") == "first"


def test_what_is_set_after_a_question_is_found_by_the_next() -> None:
    hosts: HostMap[str] = HostMap()
    host = Host.parse("a.example")
    assert hosts.get(host) == ()
    hosts.set(HostPattern.parse("*.example"), "below")
    assert hosts.get(host) == ("below",)


def test_any_number_of_hosts_can_be_asked_for() -> None:
    hosts: HostMap[str] = HostMap()
    hosts.set(HostPattern.parse("*.example"), "below")
    for number in range(10_000):
        assert hosts.get(Host.parse(f"h{number}.example")) == ("below",)
    assert len(hosts._known) < 5_000
