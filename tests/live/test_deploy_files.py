"""What `deploy/` ships beside the chart: units, image and compose say what the project is."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from live.sdk.process import SUBROSA
from live.sdk.tools import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose/compose.yaml").read_text())
DOCKERFILE = (DEPLOY / "docker/Dockerfile").read_text()


@pytest.mark.parametrize("name", ["subrosa.service", "subrosa-redirect.service"])
def test_systemd_takes_the_unit(name: str, tmp_path: Path) -> None:
    unit = (DEPLOY / "systemd" / name).read_text()
    # the programs are not installed here; everything else is looked at
    (tmp_path / name).write_text(re.sub(r"/opt/subrosa/(bin/subrosa|redirect\.sh)", "/bin/true", unit))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / name)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_gives_a_gateway_time_to_drain() -> None:
    unit = (DEPLOY / "systemd/subrosa.service").read_text()
    seconds = re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)

    assert seconds is not None
    assert int(seconds[1]) > 30, "limits.drain_seconds as it comes"


def test_the_unit_waits_until_the_gateway_serves_and_for_its_signs_of_life() -> None:
    unit = (DEPLOY / "systemd/subrosa.service").read_text()

    assert "\nType=notify\n" in unit
    assert re.search(r"^WatchdogSec=\d+$", unit, re.MULTILINE)


@pytest.mark.parametrize("path", ["systemd/subrosa.yaml", "compose/subrosa.yaml"])
def test_the_gateway_takes_the_settings(path: str) -> None:
    done = subprocess.run(
        [SUBROSA, "check", "--config", DEPLOY / path],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_everything_that_compose_mounts_is_there() -> None:
    mounts = [
        mount.split(":")[0]
        for service in COMPOSE["services"].values()
        for mount in service.get("volumes", ())
    ]
    files = [mount for mount in mounts if mount.startswith(".")]

    assert files
    assert [name for name in files if not (DEPLOY / "compose" / name).exists()] == []
    assert {mount for mount in mounts if not mount.startswith(".")} == set(COMPOSE["volumes"])


def test_the_recorder_has_no_way_out_but_the_gateway() -> None:
    services = COMPOSE["services"]

    assert COMPOSE["networks"]["recorders"] == {"internal": True}
    assert services["recorder"]["networks"] == ["recorders"]
    assert services["store"]["networks"] == ["recorders"]
    assert services["gateway"]["networks"] == ["recorders", "out"]
    assert "ports" not in services["gateway"]


def test_prometheus_takes_the_configuration_of_compose(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    for name in ("alerts.yaml", "recording.yaml"):
        shutil.copy(ROOT / "grafana/alerts" / name, rules)
    config = tmp_path / "prometheus.yml"
    text = (DEPLOY / "compose/prometheus.yml").read_text()
    config.write_text(text.replace("/etc/prometheus/rules", str(rules)))
    done = subprocess.run(
        ["promtool", "check", "config", str(config)], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS: 2 rule files found" in done.stdout


def test_grafana_finds_the_boards_where_compose_puts_them() -> None:
    provider = yaml.safe_load((ROOT / "grafana/provisioning/dashboards/subrosa.yaml").read_text())[
        "providers"
    ][0]
    mounts = [mount.split(":")[:2] for mount in COMPOSE["services"]["grafana"]["volumes"]]

    assert ["../../grafana/dashboards", provider["options"]["path"]] in mounts
    assert COMPOSE["services"]["grafana"]["environment"][
        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"
    ].startswith(provider["options"]["path"])
    assert (ROOT / "grafana/dashboards/pledge.json").exists()


def test_the_image_is_made_of_what_is_here() -> None:
    copied = [
        name
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for name in line.split()[:-1]
    ]
    ignored = (DEPLOY / "docker/Dockerfile.dockerignore").read_text().splitlines()

    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert {name.split("/")[0] for name in copied} <= {
        line[1:].split("/")[0] for line in ignored if line[0] == "!"
    }


def test_the_image_runs_as_the_user_that_the_chart_names() -> None:
    values = yaml.safe_load((DEPLOY / "helm/subrosa/values.yaml").read_text())
    user = values["podSecurityContext"]["runAsUser"]

    assert re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE) == [f"{user}:{user}"]
    assert "--require-hashes" in DOCKERFILE


def test_an_installed_gateway_can_check_the_rules_that_it_ships(tmp_path: Path) -> None:
    """The image and the unit run `check` where no checkout is: the cases' samples must come along."""
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
    ]
    made = subprocess.run(
        [*build, "--disable-pip-version-check", "--wheel-dir", tmp_path, ROOT],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "installed")
    program = "from subrosa.cli import main; import sys; sys.argv[1:] = ['check']; main()"
    environment = {"PYTHONPATH": str(tmp_path / "installed"), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr[:2000]
    assert (tmp_path / "installed/subrosa/_rules/samples/media").is_dir()
