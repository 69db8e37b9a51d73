import io
import json
import logging

import pytest
import structlog

from subrosa.effects.logs import configure, scrub, told
from subrosa.effects.records import DECISION_FIELDS, decision_record, encode
from subrosa.effects.words import verdict_word
from subrosa.policy.verdict import Verdict
from telling import ALLOW, BLOCK, NOW, OBSERVED, decision


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_decision_line_has_the_fields_of_the_evidence_record() -> None:
    stream = io.StringIO()
    write = configure(stream)
    record = decision_record(decision(), NOW, 1e-5)
    write(encode(record), "block")
    (line,) = lines(stream)

    assert tuple(line) == ("event", "level", *DECISION_FIELDS)
    assert {name: line[name] for name in DECISION_FIELDS} == json.loads(encode(record))


@pytest.mark.parametrize(
    ("verdict", "level"),
    [(ALLOW, "info"), (BLOCK, "warning"), (OBSERVED, "warning")],
    ids=["allow", "block", "observed"],
)
def test_what_was_or_would_be_refused_is_a_warning(verdict: Verdict, level: str) -> None:
    stream = io.StringIO()
    write = configure(stream)
    write(encode(decision_record(decision(verdict=verdict), NOW, 1e-5)), verdict_word(verdict))

    assert lines(stream)[0]["level"] == level


def test_structlog_writes_json_with_level_and_time() -> None:
    stream = io.StringIO()
    configure(stream)
    structlog.get_logger().info("policy in force", generation=2)
    structlog.get_logger().debug("unheard")
    (line,) = lines(stream)

    assert line["event"] == "policy in force"
    assert line["level"] == "info"
    assert line["generation"] == 2
    assert "time" in line


def test_an_exception_is_one_line() -> None:
    stream = io.StringIO()
    configure(stream)
    try:
        raise ValueError("token=abc")  # noqa: TRY301 - what is logged is the point
    except ValueError:
        structlog.get_logger().exception("it failed")
    (line,) = lines(stream)

    assert "ValueError" in str(line["exception"])


@pytest.mark.parametrize("name", ["mitmproxy.proxy.server", "aiohttp.server", "anything.else"])
def test_other_libraries_are_heard_from_warning_on_in_the_same_form(name: str) -> None:
    stream = io.StringIO()
    configure(stream)
    logger = logging.getLogger(name)
    logger.info("chatter")
    logger.warning("GET %s failed", "https://u:p@h.example/x?sig=abc&a=1")
    (line,) = lines(stream)

    assert line["event"] == "GET https://[redacted]@h.example/x?sig=[redacted]&a=1 failed"
    assert line["logger"] == name
    assert line["level"] == "warning"


def test_configuring_twice_does_not_double_lines() -> None:
    first, second = io.StringIO(), io.StringIO()
    configure(first)
    configure(second)
    logging.getLogger("x").error("once")

    assert first.getvalue() == ""
    assert len(lines(second)) == 1


def test_at_a_terminal_a_decision_is_one_readable_line() -> None:
    stream = io.StringIO()
    write = configure(stream, console=True)
    write(encode(decision_record(decision(), NOW, 1e-5)), "block")

    assert stream.getvalue() == (
        "02:39:54 block       POST api.acme.example/v1/tune [pledge.training-destination]"
        " (acme.tune, from default, id d-1)\n"
    )


def test_a_terminal_is_not_sent_control_characters() -> None:
    record = decision_record(decision(path="/\x1b[2J\r\n"), NOW, 1e-5)

    assert told(record).isprintable()


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("plain words stay", "plain words stay"),
        ("Authorization: Bearer abc", "Authorization: Bearer [redacted]"),
        ("authorization=Basic dXNlcjpwYXNz", "authorization=Basic [redacted]"),
        ("{'Proxy-Authorization': 'Basic dXNlcjpw'}", "{'Proxy-Authorization': 'Basic [redacted]'}"),
        ("dial https://h.example:443 failed", "dial https://h.example:443 failed"),
        ("key sk-proj-AbCdEfGhIjKlMnOpQrSt rejected", "key [redacted] rejected"),
    ],
)
def test_free_text_loses_its_secrets(text: str, clean: str) -> None:
    assert scrub(text) == clean
