"""The commands as a person types them: what they print, how they exit, and never a traceback."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from subrosa.cli.app import app
from subrosa.cli.run import listeners
from subrosa.runtime.configuration import StartError

ROOT = Path(__file__).resolve().parents[3]
JOBS = "POST https://api.openai.com/v1/fine_tuning/jobs"


def subrosa(*words: str, given: str = "") -> Result:
    return CliRunner().invoke(app, list(words), input=given)


@pytest.fixture(autouse=True)
def _state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_the_version_is_told() -> None:
    assert subrosa("--version").stdout.startswith("subrosa ")


@pytest.mark.parametrize(
    "words", [["nope"], ["run", "--nope"], ["catalogue", "--rules"], ["events", "-n", "0"]]
)
def test_wrong_usage_exits_with_2(words: list[str]) -> None:
    assert subrosa(*words).exit_code == 2


def test_the_shipped_rules_are_in_order_and_pass_their_own_cases() -> None:
    checked, tested = subrosa("check"), subrosa("test")
    assert (checked.exit_code, tested.exit_code) == (0, 0)
    assert checked.stdout.startswith("0 faults")
    assert ", 0 failed" in tested.stdout


def test_every_fault_of_a_directory_is_printed(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "rules:\n  - {id: acme.x, verdict: block, when: {hots: a.example}, why: because}\n"
    )
    (tmp_path / "b.yaml").write_text("nothing: known\n")
    result = subrosa("check", str(tmp_path))
    assert result.exit_code == 1
    assert "a.yaml:2:" in result.stderr
    assert "b.yaml:1:" in result.stderr
    assert "unknown fact `hots`: write one of" in result.stderr


def test_a_refusal_is_explained_from_claim_to_rule() -> None:
    result = subrosa("explain", JOBS, "--json", '{"training_file": "file-1"}')
    assert result.exit_code == 0
    assert "verdict    block (training-destination) at stage head" in result.stdout
    assert "operation  openai.fine_tuning.jobs.create: fine-tuning, definite; matches: yes" in result.stdout
    assert "rule       pledge.training-destination (sealed): yes" in result.stdout


def test_a_multipart_is_explained_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "talk.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:02.000\nAda: hello\n")
    result = subrosa(
        "explain",
        "POST https://api.openai.com/v1/files",
        "-F",
        f"file=@{tmp_path / 'talk.vtt'}",
        "-F",
        "purpose=fine-tune",
    )
    assert "openai.files.create.fine_tune" in result.stdout
    assert "verdict    block" in result.stdout


def test_a_destination_that_is_left_unread_is_told_beside_the_rules(tmp_path: Path) -> None:
    stated = {"owner": "finance", "why": "a pinned certificate", "expires": "2099-12-31"}
    (tmp_path / "s.yaml").write_text(
        json.dumps({"destinations": [{"host": "bank.example", "inspect": "never", **stated}]})
    )
    result = subrosa("explain", "GET https://bank.example/", "--config", str(tmp_path / "s.yaml"))
    assert result.exit_code == 0, result.stderr
    assert "unread     a tunnel to it passes, and nothing of it is read" in result.stdout
    assert "stated by finance until 2099-12-31: a pinned certificate" in result.stdout.replace("\n", " ")


def test_a_captured_request_is_explained_from_its_file(tmp_path: Path) -> None:
    captured = (ROOT / "tests" / "samples" / "http" / "sagemaker_create_training_job.http").read_text()
    host = "Host: api.sagemaker.eu-central-1.amazonaws.com"
    sample = tmp_path / "captured.http"
    sample.write_text(re.sub(r"(?i)host: .*", host, captured, count=1))
    result = subrosa("explain", str(sample), "--machine")
    told = json.loads(result.stdout)
    assert told["verdict"]["outcome"] == "block"
    assert told["verdict"]["operation"].startswith("sagemaker.")
    assert {"id", "rank", "value", "facts"} == set(told["rules"][0])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param([JOBS, "-H", "novalue"], "write `Name: value`", id="a header without value"),
        pytest.param([JOBS, "-F", "novalue"], "write `name=value`", id="a form field without value"),
        pytest.param([JOBS, "--source", "nobody"], "source `nobody` is unknown", id="an unknown source"),
        pytest.param(["/no/such/file"], "No such file", id="a file that is not there"),
        pytest.param(["POST https://a b/"], "refused before any rule", id="a host that is none"),
    ],
)
def test_what_cannot_be_explained_is_told_in_one_line(words: list[str], told: str) -> None:
    result = subrosa("explain", *words)
    assert result.exit_code == 1
    assert told in result.stderr
    assert "Traceback" not in result.output


def test_the_catalogue_is_searched() -> None:
    rows = json.loads(subrosa("catalogue", "fine_tuning.jobs", "--json").stdout)
    assert any(row["operation"] == "openai.fine_tuning.jobs.create" for row in rows)
    assert all("fine_tuning.jobs" in " ".join(row.values()) for row in rows)
    assert subrosa("catalogue", "no-such-word").exit_code == 1
    assert "operations of 1 providers" in subrosa("catalogue", "zoomgov").stdout


@pytest.mark.parametrize(
    ("word", "operation"),
    [
        pytest.param("anthropic", "anthropic.inference", id="a provider"),
        pytest.param("ChatGPT", "chatgpt.conversation", id="a provider's name"),
        pytest.param("openai.fine_tuning.jobs.create", "openai.fine_tuning.jobs.create", id="an operation"),
        pytest.param("voice-cloning", "elevenlabs.voices.ivc.create", id="a purpose"),
        pytest.param(
            "individual.githubcopilot.com", "github-copilot.individual", id="a host of one operation"
        ),
        pytest.param("help.openai.com", "chatgpt.conversation", id="a source"),
    ],
)
def test_the_catalogue_is_searched_by_all_that_it_tells(word: str, operation: str) -> None:
    rows = json.loads(subrosa("catalogue", word, "--json").stdout)

    assert operation in {row["operation"] for row in rows}
    assert all(word.casefold() in " ".join(row.values()).casefold() for row in rows)


def test_the_authority_is_made_once_and_exported(tmp_path: Path) -> None:
    first, again = subrosa("ca", "path"), subrosa("ca", "path")
    assert first.stdout == again.stdout
    path = Path(first.stdout.strip())
    assert path.read_bytes().startswith(b"-----BEGIN CERTIFICATE-----")
    assert (tmp_path / "state" / "subrosa" / "ca" / "mitmproxy-ca.pem").stat().st_mode & 0o077 == 0
    assert subrosa("ca", "export").stdout_bytes == path.read_bytes()
    assert subrosa("ca", "export", "jks").exit_code == 1


def test_a_user_line_is_made_from_a_password_on_stdin() -> None:
    assert subrosa("user", "web", given="secret\n").stdout.startswith("web:$scrypt$")
    assert subrosa("user", "we:b", given="secret\n").exit_code == 1


def test_events_say_when_no_gateway_answers() -> None:
    result = subrosa("events", "--admin", "127.0.0.1:1")
    assert result.exit_code == 1
    assert "is `subrosa run` up?" in result.stderr


@pytest.mark.parametrize(
    ("listen", "modes", "found"),
    [
        pytest.param(None, [], [], id="nothing asked for leaves the settings"),
        pytest.param("h:1", [], [("explicit", "h:1")], id="an address alone is the explicit proxy"),
        pytest.param(
            None, ["socks5"], [("socks5", "127.0.0.1:8080")], id="a mode alone takes the usual address"
        ),
        pytest.param(
            "h:1", ["explicit", "socks5@h:2"], [("explicit", "h:1"), ("socks5", "h:2")], id="one each"
        ),
        pytest.param(
            None,
            ["reverse:https://u.example:8443@h:3"],
            [("reverse:https://u.example:8443", "h:3")],
            id="reverse",
        ),
        pytest.param(
            "h:1",
            ["reverse:https://u.example"],
            [("reverse:https://u.example", "h:1")],
            id="reverse, no port",
        ),
    ],
)
def test_listen_and_mode_make_listeners(
    listen: str | None, modes: list[str], found: list[tuple[str, str]]
) -> None:
    assert [(one["mode"], one["listen"]) for one in listeners(listen, modes)] == found


def test_bad_settings_are_one_start_error() -> None:
    result = subrosa("check", "--config", "/no/such/file")
    assert isinstance(result.exception, StartError)
    assert "cannot be read" in result.exception.lines[0]


def test_the_readme_s_example_is_explained_as_the_readme_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = re.search(r"`subrosa (explain [^`]+)`\.", (ROOT / "README.md").read_text())
    assert found is not None
    (tmp_path / "talk.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:02.000\nAda: hello\n")
    monkeypatch.chdir(tmp_path)

    result = subrosa(*shlex.split(found[1]))

    assert "verdict    block (training-destination)" in result.stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [
        pytest.param(["check", "--config", "/no/such/file"], 1, id="a file that is not there"),
        pytest.param(["check", "/no/such/directory"], 1, id="a directory that is not there"),
        pytest.param(["explain", "POST"], 1, id="a request without an address"),
        pytest.param(["explain", "POST https://["], 1, id="an address that is none"),
        pytest.param(["explain", __file__], 1, id="a file that is no request"),
        pytest.param(["ca", "export", "--state-dir", "/proc/no"], 1, id="a place that cannot be written"),
        pytest.param(["run", "--profile", "lax"], 2, id="a profile that is none"),
        pytest.param(["nope"], 2, id="a command that is none"),
        pytest.param(["explain"], 2, id="a request that is missing"),
    ],
)
def test_a_fault_is_told_without_a_traceback(words: list[str], code: int) -> None:
    command = [sys.executable, "-c", "from subrosa.cli import main; main()", *words]
    result = subprocess.run(command, check=False, capture_output=True, text=True)

    assert result.returncode == code, result.stderr
    assert result.stderr.strip()
    assert "Traceback" not in result.stdout + result.stderr
