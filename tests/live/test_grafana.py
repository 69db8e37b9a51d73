"""The boards and alerts over what a real Prometheus scraped of a real gateway under mixed traffic."""

import json
import re
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from boards.__main__ import BOARDS, README
from boards.panels import Panel
from live.sdk.answers import Providers
from live.sdk.places import Places
from live.sdk.process import Gateway
from live.sdk.prometheus import Prometheus

ALERTS = README.parent / "alerts"
RECORDING = Path(__file__).parents[1] / "samples/media/zoom_like.mp4"
CHOICES = {
    "$job": ".*",
    "$instance": ".*",
    "$source": ".*",
    "$provider": ".*",
    "$__range": "1m",
    "$__rate_interval": "10s",
    "$__interval": "10s",
}
NOT_HERE = {
    "Would have been refused": "the gateway enforces",
    "Late": "nothing was refused late",
    "Octets in tunnels": "no destination is declared `inspect: never`",
    "Destinations refused for their address": "none was",
}
"""Panels that this traffic leaves empty, and why; each says so itself in `empty`."""


def filled(expr: str) -> str:
    return re.sub(r"\$\w+", lambda found: CHOICES[found[0]], expr)


def traffic(gateway: Gateway, places: Places) -> None:
    """Allowed, refused at the head, refused in the body, sent and received."""
    openai = places["api.openai.com"].origin
    with httpx.Client(
        proxy=gateway.proxy, verify=ssl.create_default_context(cafile=gateway.ca), timeout=30
    ) as web:
        job = web.post(f"{openai}/v1/fine_tuning/jobs", json={"training_file": "file-1", "model": "gpt-4.1"})
        upload = web.post(
            f"{openai}/v1/files",
            data={"purpose": "fine-tune"},
            files={"file": ("talk.vtt", b"WEBVTT\n\n00:00.000 --> 00:01.000\nhello\n", "text/vtt")},
        )
        chat = web.post(f"{openai}/v1/chat/completions", json={"model": "gpt-4.1", "messages": []})
        put = web.post(f"{places['files.slack.com'].origin}/upload/v1/CwABAA", content=RECORDING.read_bytes())
    assert [answer.status_code for answer in (job, upload)] == [403, 403]
    assert [answer.is_success for answer in (chat, put)] == [True, True]


@pytest.fixture(scope="module")
def seen(
    places: Places, providers: Providers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Prometheus, Gateway]]:
    """Two rounds of traffic with scrapes before, between and after."""
    work = tmp_path_factory.mktemp("grafana")
    with (
        Gateway(work, places) as gateway,
        Prometheus(work, [gateway.admin], [ALERTS / "alerts.yaml", ALERTS / "recording.yaml"]) as prometheus,
    ):
        for expected in (0, 2, 4):
            until(prometheus, f"sum(subrosa_blocked_total or vector(0)) == {expected} and on() up == 1")
            if expected < 4:
                traffic(gateway, places)
        until(prometheus, "count_over_time(subrosa_enforcing[1m]) > 8")
        until(prometheus, "count(job:subrosa_transfers:rate5m) > 0")
        yield prometheus, gateway


def until(prometheus: Prometheus, expr: str) -> None:
    """Wait for what the next scrapes must show; the server has no event to wait on, so it is asked."""
    deadline = time.monotonic() + 30
    while not prometheus.value(expr):
        assert time.monotonic() < deadline, expr
        time.sleep(0.1)  # a scrape comes every half second


PANELS = [(f"{board.uid}: {panel.title}", panel) for board in BOARDS for panel in board.panels]


@pytest.mark.parametrize("panel", [panel for _, panel in PANELS], ids=[name for name, _ in PANELS])
def test_a_panel_shows_data_or_says_why_not(panel: Panel, seen: tuple[Prometheus, Gateway]) -> None:
    prometheus, _ = seen
    found = [series for query in panel.queries for series in prometheus.value(filled(query.expr))]

    if panel.title in NOT_HERE:
        assert panel.empty, "a panel that may be empty says why"
    else:
        assert found


def test_the_first_refusal_by_a_rule_is_counted(seen: tuple[Prometheus, Gateway]) -> None:
    prometheus, gateway = seen
    panel = next(panel for _, panel in PANELS if panel.title == "Refused")
    value = float(prometheus.value(filled(panel.queries[0].expr))[0]["value"][1])

    assert gateway.metric("subrosa_blocked_total") == 4
    assert 4 <= value < 5, "increase() stretches a little at the edges, and may not lose the first"


def test_every_alert_can_be_asked_and_none_cries_wolf(seen: tuple[Prometheus, Gateway]) -> None:
    prometheus, _ = seen
    rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
    alerts = [rule for rule in rules if rule["type"] == "alerting"]
    named = {
        rule["alert"]
        for group in yaml.safe_load((ALERTS / "alerts.yaml").read_text())["groups"]
        for rule in group["rules"]
    }

    assert {rule["name"] for rule in alerts} == named
    assert [(rule["name"], rule["lastError"]) for rule in rules if rule.get("lastError")] == []
    assert [rule["name"] for rule in alerts if rule["state"] != "inactive"] == []


def test_a_choice_offers_what_there_is(seen: tuple[Prometheus, Gateway]) -> None:
    prometheus, _ = seen
    for board in BOARDS:
        for variable in board.variables:
            values = prometheus.ask(f"label/{variable.of}/values", **{"match[]": variable.metric})
            assert values, (board.uid, variable.name)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["check", "rules", "alerts.yaml", "recording.yaml"], id="the rules are well formed"),
        pytest.param(
            ["test", "rules", "alerts.test.yaml"], id="every alert fires and is silent as its cases say"
        ),
    ],
)
def test_promtool_agrees(arguments: list[str]) -> None:
    done = subprocess.run(
        ["promtool", *arguments], cwd=ALERTS, capture_output=True, text=True, timeout=120, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_finds_nothing_in_the_metrics(seen: tuple[Prometheus, Gateway]) -> None:
    _, gateway = seen
    _, text = gateway.get("/metrics")
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_board_is_json_that_names_its_queries(seen: tuple[Prometheus, Gateway]) -> None:
    prometheus, _ = seen
    for path in (README.parent / "dashboards").glob("*.json"):
        board = json.loads(path.read_text())
        for note in board["annotations"]["list"]:
            assert prometheus.value(filled(note["expr"])) is not None
