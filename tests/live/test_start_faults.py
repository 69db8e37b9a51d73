"""What is wrong at the start is told in clear lines, and nothing listens; what is wrong at a reload changes nothing."""

import json
import os
import re
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from live.sdk.curl import curl
from live.sdk.namespace import needs_mounts
from live.sdk.places import Places
from live.sdk.process import Gateway, command

HOST = "api.openai.com"
GOOD = "rules:\n  - {id: corp.no-uploads, verdict: block, when: {host: sink.example.com}, why: Nothing goes there.}\n"


def free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        port: int = tried.getsockname()[1]
        return port


def started(
    work: Path,
    places: Places,
    *arguments: str,
    state: Path | None = None,
    settings: dict[str, Any] | None = None,
    prefix: tuple[str, ...] = (),
) -> list[str]:
    """Start it on a port of ours, see it give up, and give the lines that it told."""
    port = free_port()
    line = command(
        work, places, state or work / "state", settings or {}, ("--listen", f"127.0.0.1:{port}", *arguments)
    )
    done = subprocess.run(
        [*prefix, *line],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (1, 2), done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    with socket.socket() as tried:
        assert tried.connect_ex(("127.0.0.1", port)) != 0, "it listens"
    return done.stderr.splitlines()


@pytest.mark.parametrize(
    ("files", "told"),
    [
        pytest.param(
            {
                "a.yaml": "rules:\n  - {id: corp.a, verdikt: block}\n  - {id: corp.b, verdict: allow}\n",
                "b.yaml": "rules: [\n",
                "destinations/acme.yaml": "provider: acme\nhosts: [acme.example.com]\noperations: []\n",
            },
            [r"a\.yaml:2:\d+", r"a\.yaml:3:\d+", r"b\.yaml:\d+:\d+", r"destinations/acme\.yaml:3:\d+"],
            id="of its form",
        ),
        pytest.param(
            {
                "a.yaml": "rules:\n  - {id: pledge.a, verdict: allow, when: {host: HOST.example.com}}\n",
                "destinations/acme.yaml": "provider: acme\nhosts: [ACME.example.com.]\n",
            },
            [r"a\.yaml:2:\d+ .*pledge", r"a\.yaml:2:\d+ .*host", r"destinations/acme\.yaml:2:\d+"],
            id="of its meaning",
        ),
    ],
)
def test_every_fault_of_a_rules_directory_is_told(
    files: dict[str, str], told: list[str], places: Places, tmp_path: Path
) -> None:
    rules = tmp_path / "rules"
    (rules / "destinations").mkdir(parents=True)
    for name, text in files.items():
        (rules / name).write_text(text)
    lines = started(tmp_path, places, "--rules", str(rules))
    for pattern in told:
        assert [line for line in lines if re.search(pattern, line)], (pattern, lines)


def one_line(lines: list[str], *words: str) -> None:
    assert len(lines) == 1, lines
    for word in words:
        assert word in lines[0], lines


def test_an_unknown_setting_is_told_with_its_place(places: Places, tmp_path: Path) -> None:
    lines = started(tmp_path, places, settings={"profil": "strict"})
    one_line(lines, "subrosa.yaml:1:", "profil", "write one of", "profile")


def test_a_port_that_is_taken_is_told(places: Places, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = command(tmp_path, places, tmp_path / "state", {}, ("--listen", f"127.0.0.1:{port}"))
        done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    one_line(done.stderr.splitlines(), f"127.0.0.1:{port}")


def test_a_state_directory_that_cannot_be_written_is_told(places: Places, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    one_line(started(tmp_path, places, state=tmp_path / "file/state"), str(tmp_path / "file"))


@needs_mounts
def test_a_state_directory_on_a_read_only_disk_is_told(places: Places, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    mounted = ("unshare", "--mount", "sh", "-c", f'mount -t tmpfs -o ro none {state} && exec "$0" "$@"')
    one_line(started(tmp_path, places, state=state, prefix=mounted), str(state), "read-only")


@pytest.mark.parametrize("content", [pytest.param(None, id="missing"), pytest.param("no PEM", id="broken")])
def test_roots_that_cannot_be_read_are_told(content: str | None, places: Places, tmp_path: Path) -> None:
    roots = tmp_path / "roots.pem"
    if content is not None:
        roots.write_text(content)
    one_line(started(tmp_path, places, "--upstream-ca", str(roots)), str(roots))


def test_an_authority_that_is_broken_is_told_and_not_replaced(places: Places, tmp_path: Path) -> None:
    folder = tmp_path / "state/ca"
    folder.mkdir(parents=True, mode=0o700)
    key = folder / "mitmproxy-ca.pem"
    key.touch(0o600)
    key.write_text("no key")
    one_line(started(tmp_path, places), str(key))
    assert key.read_text() == "no key"


def test_every_fault_of_a_hosts_file_is_told(places: Places, tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text("127.0.0.1 good.example.com\nnowhere bad.example.com\n127.0.0.1 UPPER.example.com\n")
    lines = started(tmp_path, places, "--hosts-file", str(file))
    assert len(lines) == 2, lines
    assert "line 2" in lines[0] or ":2" in lines[0], lines
    assert "line 3" in lines[1] or ":3" in lines[1], lines


def test_a_broken_rule_leaves_the_policy_in_force_until_it_is_repaired(
    start_gateway: Callable[..., Gateway], places: Places, environment: dict[str, str], tmp_path: Path
) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    file = rules / "corp.yaml"
    file.write_text(GOOD)
    gateway = start_gateway("--rules", str(rules))
    env = {**environment, **gateway.environment()}
    url = f"{places['sink.example.com'].origin}/x"

    def is_refused() -> bool:
        return curl("--json", "{}", url, env=env).status == 403

    assert is_refused()
    generation = gateway.metric("subrosa_policy_generation")
    good = gateway.metric("subrosa_policy_reload_total", result="ok")

    file.write_text(GOOD.replace("verdict", "verdikt"))
    gateway.waits_for(r"corp\.yaml:2:\d+")
    assert is_refused()
    assert gateway.metric("subrosa_policy_generation") == generation
    assert gateway.metric("subrosa_policy_reload_total", result="failed") >= 1
    _status, ready = gateway.get("/readyz")
    assert "corp.yaml" in ready

    file.write_text(GOOD.replace("sink.example.com", "other.example.com"))
    gateway.waits_for(rf"loaded anew.*\b{int(generation) + 1}\b|\b{int(generation) + 1}\b.*loaded anew")
    assert not is_refused()
    assert gateway.metric("subrosa_policy_generation") == generation + 1
    assert gateway.metric("subrosa_policy_reload_total", result="ok") == good + 1
    status, ready = gateway.get("/readyz")
    assert (status, json.loads(ready)["ready"]) == (200, True)
