"""From file, environment and flags to what the parts are built from; each fault with its place."""

import re
from pathlib import Path

import pytest

from subrosa.runtime.configuration import (
    StartError,
    default_state_dir,
    environment_layer,
    load_policy,
    load_settings,
    policy_inputs,
)

STATED = "owner: privacy, why: paid since 2025"


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("SUBROSA_CONFIG", "SUBROSA_PROFILE", "SUBROSA_LISTEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_flags_override_the_environment_which_overrides_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = write(tmp_path / "s.yaml", "profile: strict\nadmin: 127.0.0.1:1\nmetrics: 127.0.0.1:2\n")
    monkeypatch.setenv("SUBROSA_ADMIN", "127.0.0.1:3")
    monkeypatch.setenv("SUBROSA_METRICS", "127.0.0.1:4")

    found = load_settings(config, {"metrics": "127.0.0.1:5"})

    assert (found.profile.value, found.admin, found.metrics) == ("strict", "127.0.0.1:3", "127.0.0.1:5")
    assert found.state_dir == tmp_path / "state" / "subrosa"


def test_a_list_in_the_environment_is_separated_by_commas() -> None:
    layer = environment_layer(
        {"SUBROSA_ALLOW_PRIVATE": "10.0.0.0/8, 127.0.0.0/8", "SUBROSA_LISTEN": "h:1", "HOME": "/"}
    )
    assert layer.values == {"allow_private": ["10.0.0.0/8", "127.0.0.0/8"], "listeners": [{"listen": "h:1"}]}


def test_without_xdg_state_is_kept_below_home() -> None:
    assert default_state_dir({}) == str(Path.home() / ".local" / "state" / "subrosa")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("profil: strict\n", "s.yaml:1:1: profil: unknown key `profil`", id="a misspelt key"),
        pytest.param(
            "sources:\n  - name: a\n    holds: some\n",
            "s.yaml:3:5: sources[0].holds: `some`",
            id="a nested value",
        ),
        pytest.param(
            f"assert:\n  - {{fact: gemini.paid-tier, {STATED}}}\n",
            "s.yaml:2:5: assert[0].expires",
            id="a missing key",
        ),
        pytest.param(
            "profile: strict\nprofile: strict\n", "s.yaml:2:1: key `profile` is given twice", id="a key twice"
        ),
        pytest.param("- profile\n", "s.yaml:1:1: is no mapping", id="a list"),
        pytest.param("profile: [\n", "is not YAML", id="no YAML"),
    ],
)
def test_a_fault_in_the_file_is_told_with_line_and_column(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(StartError, match=re.escape(told)):
        load_settings(write(tmp_path / "s.yaml", text), {})


def test_a_fault_in_a_flag_and_one_in_the_environment_are_told_with_their_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SUBROSA_PROFILE", "lax")
    with pytest.raises(StartError) as refused:
        load_settings(None, {"admin": "nowhere"})
    assert [line.partition(":")[0] for line in sorted(refused.value.lines)] == ["--admin", "SUBROSA_PROFILE"]


def test_a_file_that_cannot_be_read_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="cannot be read: no such file"):
        load_settings(tmp_path / "none.yaml", {})


def test_statements_that_have_ended_are_left_out(tmp_path: Path) -> None:
    config = write(
        tmp_path / "s.yaml",
        f"""\
assert:
  - {{fact: gemini.paid-tier, {STATED}, expires: 2020-01-01}}
  - {{fact: deepgram.account-opt-out, {STATED}, expires: 2999-01-01}}
  - {{fact: chatgpt.workspace, values: [ws-1, ws-2], {STATED}, expires: 2999-01-01}}
  - {{fact: chatgpt.workspace, values: [ws-3], {STATED}, expires: 2020-01-01}}
destinations:
  - {{host: old.example, purpose: storage, {STATED}, expires: 2020-01-01}}
  - {{host: new.example, purpose: storage, {STATED}, expires: 2999-01-01}}
""",
    )
    inputs = policy_inputs(load_settings(config, {}))
    assert inputs.asserted == {
        "deepgram.account-opt-out",
        "chatgpt.workspace=ws-1",
        "chatgpt.workspace=ws-2",
    }
    assert [one.host.text for one in inputs.declared] == ["new.example"]


def test_a_guarded_store_that_names_none_is_refused(tmp_path: Path) -> None:
    config = write(tmp_path / "s.yaml", "guarded: ['s3://recordings/zoom', recordings]\n")
    with pytest.raises(StartError, match="guarded: `recordings` names no store"):
        policy_inputs(load_settings(config, {}))


def test_the_shipped_rules_load_with_the_default_settings() -> None:
    policy = load_policy(load_settings(None, {}))
    assert {"openai", "sagemaker", "huggingface"} <= set(policy.providers)
    assert policy.blocks.everywhere[0].id == "pledge.training-destination"


def test_every_fault_of_a_directory_of_rules_is_told(tmp_path: Path) -> None:
    write(
        tmp_path / "a.yaml",
        "rules:\n  - {id: pledge.mine, verdict: allow, when: {host: A.example}, why: because}\n",
    )
    write(tmp_path / "b.yaml", "provider: other\nhosts: [b.example]\noperations: []\n")
    with pytest.raises(StartError) as refused:
        load_policy(load_settings(None, {"rules": [tmp_path]}))
    told = "\n".join(refused.value.lines)
    assert "`pledge." in told
    assert "`a.example`" in told
    assert "b.yaml:3:13 operations: is an empty list" in told


def test_the_age_of_a_review_is_a_setting(tmp_path: Path) -> None:
    config = write(tmp_path / "s.yaml", "review_days: 90\n")
    assert policy_inputs(load_settings(None, {})).review_days == 365
    assert policy_inputs(load_settings(config, {})).review_days == 90
