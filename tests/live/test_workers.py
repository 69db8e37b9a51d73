"""A gateway of several processes, as one from outside: its counts, records, reloads and switches, whoever dies."""

import contextlib
import http.client
import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from live.crowd import SECONDS, Crowd, at_rest, kill, until
from live.sdk.answers import Providers
from live.sdk.places import Places
from live.sdk.process import Gateway

HOST = "plain.example.com"
RULE = "rules:\n  - {id: corp.NAME, verdict: block, when: {host: HOST, path: '/NAME/{rest...}'}, why: No.}\n"


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("rules")
    write(directory, "first")
    return directory


def write(rules: Path, name: str) -> None:
    """Put a rule in the place of the one that was there: what is sent below `/name` is refused."""
    fresh = rules / ".new"
    fresh.write_text(RULE.replace("NAME", name).replace("HOST", HOST))
    fresh.replace(rules / "corp.yaml")


@pytest.fixture(scope="module")
def gateway(
    places: Places, providers: Providers, rules: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    work = tmp_path_factory.mktemp("workers")
    with Gateway(work, places, "--workers", "2", "--rules", str(rules)) as found:
        yield found


@pytest.fixture
def crowd(gateway: Gateway, places: Places) -> Crowd:
    crowd = Crowd(gateway, places[HOST].authority)
    crowd.whole()
    return crowd


def swap(crowd: Crowd, rules: Path, name: str) -> int:
    """Write a rule in the place of the one that was there, and wait until it is said to be in force."""
    generation = int(crowd.gateway.metric("subrosa_policy_generation")) + 1
    write(rules, name)
    crowd.gateway.waits_for(rf'"generation": {generation}, "event": "the rules were loaded anew"')
    return generation


def series(gateway: Gateway) -> int:
    families = text_string_to_metric_families(gateway.get("/metrics")[1])
    return sum(len(family.samples) for family in families)


def test_both_workers_serve_and_what_they_count_and_record_adds_up(crowd: Crowd) -> None:
    gateway = crowd.gateway
    before = gateway.metric("subrosa_transfers_total")
    with crowd.load("sum") as load:
        load.goes_on(60)

    assert set(load.counted) == {200}
    assert gateway.metric("subrosa_transfers_total") == before + len(load.got)
    until(lambda: gateway.metric("subrosa_inflight_transfers") == 0, "something is in flight")
    told = {each["path"] for each in gateway.decisions()}
    kept = crowd.records()
    assert set(load.got) <= told
    assert {kept[path]["worker"] for path in load.got} == {"w0", "w1"}
    until(lambda: gateway.metric("subrosa_evidence_records_total") >= len(load.got), "not all is kept")


def test_who_follows_the_decisions_hears_those_of_every_worker(crowd: Crowd) -> None:
    host, port = crowd.gateway.admin.rsplit(":", 1)
    wanted = {f"/followed/{at}" for at in range(24)}
    with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=SECONDS)) as stream:
        stream.request("GET", "/api/v1/decisions/stream")
        answer = stream.getresponse()
        assert crowd.statuses("/followed") == {200}
        heard: set[str] = set()
        while not wanted <= heard:
            line = answer.readline()
            if line.startswith(b"data:"):
                heard.add(json.loads(line[5:])["path"])
        answer.close()
    assert {crowd.records()[path]["worker"] for path in wanted} == {"w0", "w1"}


def test_a_worker_that_is_killed_takes_nothing_with_it_but_its_own_connections(
    crowd: Crowd, providers: Providers
) -> None:
    gateway, workers = crowd.gateway, crowd.whole()
    restarts = gateway.metric("subrosa_worker_restarts_total")
    upload = crowd.upload("/upload/other")
    (victim,) = set(workers) - {upload.worker}
    with crowd.load("kill") as load:
        load.goes_on()
        at_rest(*set(crowd.processes()) - set(workers.values()))
        killed = datetime.now(UTC)
        kill(workers[victim], signal.SIGKILL)
        back = gateway.waits_for("a worker was replaced")
        load.goes_on(60)
        after = crowd.whole(workers[victim])

    assert datetime.fromisoformat(json.loads(back)["time"]) - killed < timedelta(seconds=2)
    assert after[victim] != workers[victim]
    assert after[upload.worker] == workers[upload.worker]
    assert upload.finish() == 200
    assert gateway.metric("subrosa_worker_restarts_total") == restarts + 1
    assert load.counted[0] <= 4, "more than what was on its way through that worker"
    assert set(load.counted) <= {0, 200}
    kept = crowd.records()
    assert {kept[path]["verdict"] for path, status in load.got.items() if status} == {"allow"}
    arrived = {note.target for note in providers.of(HOST) if note.target.startswith("/kill/")}
    assert {path for path, status in load.got.items() if status} <= arrived
    assert {kept[path]["verdict"] for path in arrived} == {"allow"}, (
        "something went on that nobody had decided"
    )
    assert crowd.statuses("/first/killed") == {403}


def test_a_reload_under_load_drops_no_connection_and_is_everywhere_when_it_is_told(
    crowd: Crowd, rules: Path
) -> None:
    assert crowd.statuses("/second") == {200}
    with crowd.load("reload") as load:
        load.goes_on()
        generation = swap(crowd, rules, "second")
        assert crowd.statuses("/second") == {403}
        load.goes_on()
    assert crowd.statuses("/first/reloaded") == {200}
    assert set(load.counted) == {200}
    assert crowd.gateway.metric("subrosa_policy_generation") == generation


def test_a_worker_that_comes_while_the_rules_are_broken_judges_by_the_policy_in_force(
    crowd: Crowd, rules: Path
) -> None:
    swap(crowd, rules, "third")
    (rules / "corp.yaml").write_text("rules: [\n")
    crowd.gateway.waits_for(r"could not be loaded")
    for pid in crowd.whole().values():  # one of the two finds nobody standing by
        kill(pid, signal.SIGKILL)
    crowd.whole()

    assert crowd.statuses("/third/broken") == {403}
    assert crowd.statuses("/fourth/broken") == {200}
    swap(crowd, rules, "fourth")
    assert crowd.statuses("/third") == {200}
    assert crowd.statuses("/fourth") == {403}


def test_deaths_add_no_series_and_take_back_no_count(crowd: Crowd) -> None:
    gateway = crowd.gateway
    found: list[int] = []
    for number in range(2):
        workers, count = crowd.whole(), gateway.metric("subrosa_transfers_total")
        upload = crowd.upload(f"/gone/{number}")
        assert gateway.metric("subrosa_inflight_transfers") == 1
        kill(workers[upload.worker], signal.SIGKILL)
        assert upload.finish() == 0
        crowd.whole(workers[upload.worker])
        assert gateway.metric("subrosa_inflight_transfers") == 0
        assert crowd.statuses("/warm") == {200}
        assert gateway.metric("subrosa_transfers_total") == count + 25
        found.append(series(gateway))

    assert len(set(found)) == 1


def test_a_lockdown_reaches_every_worker_and_those_that_come_later(crowd: Crowd) -> None:
    gateway = crowd.gateway
    uploads = [crowd.upload(f"/locked/{at}") for at in range(12)]
    assert {upload.worker for upload in uploads} == {"w0", "w1"}

    assert gateway.ask("PUT", "/api/v1/lockdown", '{"on": true}')[0] == 200
    assert crowd.statuses("/during") == {403}
    assert {upload.finish() for upload in uploads} == {0}
    workers = crowd.whole()
    kill(workers["w1"], signal.SIGKILL)
    crowd.whole(workers["w1"])
    assert crowd.statuses("/later") == {403}
    assert gateway.metric("subrosa_lockdown") == 1

    assert json.loads(gateway.ask("PUT", "/api/v1/lockdown", '{"on": false}')[1]) == {"on": False}
    assert crowd.statuses("/after") == {200}
