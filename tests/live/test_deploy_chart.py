"""The Helm chart: what it makes of values is well formed, hardened, and settings that the gateway takes."""

import json
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from live.sdk.process import SUBROSA
from live.sdk.tools import CHART, ROOT, Document, faults, helm, rendered

OWN = "provider: own\n"
EVERYTHING: dict[str, Any] = {
    "ca": {"existingSecret": "subrosa-ca"},
    "upstreamCa": {"existingConfigMap": "corp-roots"},
    "proxyUsers": {"existingSecret": "proxy-users"},
    "rules": {"own.yaml": OWN},
    "settings": {"profile": "strict", "guarded": ["s3://recordings"], "limits": {"held_transfers": 64}},
    "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True},
    "dashboards": {"enabled": True},
}
WORKLOAD = {"containers": [{"name": "recorder", "image": "recorder:1"}]}
ALL = {"podSelector": {"matchLabels": None}}
EXEMPT = {"instanceMetadata": True, "ecsCredentials": True, "eksPodIdentity": True}
VALUES: dict[str, dict[str, Any]] = {
    "a gateway as it comes": {},
    "a gateway with everything": {
        **EVERYTHING,
        "state": {"existingClaim": "evidence"},
        "serviceMonitor": {"enabled": True},
        "gateway": {"workers": 2, "autoscaling": {"heldBytes": {"enabled": True}}},
        "networkPolicy": {"clientNamespaces": [{"matchLabels": {"team": "meetings"}}]},
        "image": {"digest": "sha256:" + "0" * 64},
    },
    "a gateway of a fixed size without extras": {
        "gateway": {
            "replicas": 1,
            "autoscaling": {"enabled": False},
            "disruptionBudget": {"enabled": False},
            "topologySpread": {"enabled": False},
        },
        "networkPolicy": {"enabled": False},
    },
    "a sidecar for a chart of the user's own": {"mode": "sidecar"},
    "a sidecar with everything": {
        **EVERYTHING,
        "mode": "sidecar",
        "sidecar": {"workload": WORKLOAD, "exempt": EXEMPT, "ipv6": True},
    },
}


@pytest.fixture(params=list(VALUES.values()), ids=list(VALUES))
def values(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = request.param
    return found


def of_kind(documents: list[Document], kind: str) -> list[Document]:
    return [each for each in documents if each["kind"] == kind]


def pods(documents: list[Document]) -> Iterator[Document]:
    for each in of_kind(documents, "Deployment"):
        yield each["spec"]["template"]["spec"]


def containers(documents: list[Document]) -> dict[str, Document]:
    return {
        each["name"]: each
        for pod in pods(documents)
        for each in (*pod.get("initContainers", ()), *pod["containers"])
    }


def settings_in(documents: list[Document]) -> str:
    return next(
        str(each["data"]["subrosa.yaml"])
        for each in of_kind(documents, "ConfigMap")
        if "subrosa.yaml" in each["data"]
    )


def test_helm_finds_nothing_to_say(values: dict[str, Any]) -> None:
    done = helm("lint", "--strict", str(CHART), values=values)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout


def test_kubernetes_takes_every_document(values: dict[str, Any]) -> None:
    documents = rendered(values)
    known = [each for each in documents if not each["apiVersion"].startswith("monitoring.coreos.com")]

    assert known
    assert faults(known) == ""


def test_the_schemas_would_find_a_fault() -> None:
    document = of_kind(rendered({}), "Deployment")[0]
    document["spec"]["template"]["spec"]["containers"][0]["imagePullPolcy"] = "Always"

    assert "imagePullPolcy" in faults([document])


def test_the_gateway_takes_the_settings(values: dict[str, Any], tmp_path: Path) -> None:
    text = settings_in(rendered(values))
    (tmp_path / "rules").mkdir()
    config = tmp_path / "subrosa.yaml"
    config.write_text(text.replace("/etc/subrosa/rules", str(tmp_path / "rules")))
    done = subprocess.run(
        [SUBROSA, "check", "--config", config], capture_output=True, text=True, timeout=120, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        pytest.param({"mode": "gatway"}, "mode", id="a mode that is none"),
        pytest.param({"replicas": 3}, "replicas", id="a key that the chart does not have"),
        pytest.param({"settings": {"listeners": []}}, "listeners", id="a setting that the chart makes itself"),
        pytest.param({"settings": {"workers": 4}}, "workers", id="workers where the chart does not see them"),
        pytest.param({"networkPolicy": {"workloads": ALL}}, "podSelector", id="a selector of every pod"),
        pytest.param({"podSecurityContext": {"runAsUser": 0}}, "runAsUser", id="a gateway that is root"),
        pytest.param({"image": {"digest": "latest"}}, "digest", id="a digest that is none"),
        pytest.param({"rules": {"../x": "a"}}, "../x", id="rules under a name that is no file's"),
    ],
)  # fmt: skip
def test_values_that_mean_nothing_are_refused(wrong: dict[str, Any], named: str) -> None:
    done = helm("template", "trial", str(CHART), values=wrong)

    assert done.returncode != 0
    assert named in done.stderr


def test_every_container_of_ours_is_hardened(values: dict[str, Any]) -> None:
    documents = rendered(values)
    own = {name: each for name, each in containers(documents).items() if name.startswith("subrosa")}

    for name, each in own.items():
        context = each["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"]["drop"] == ["ALL"]
        assert context["capabilities"].get("add", []) == (
            ["NET_ADMIN", "NET_RAW"] if name == "subrosa-redirect" else []
        )
        assert each["resources"]["limits"]["memory"]
    for pod in pods(documents):
        assert pod.get("automountServiceAccountToken") is False or "sidecar" in values.get("mode", "")


def test_the_workload_starts_behind_the_redirect_and_the_gateway() -> None:
    pod = next(pods(rendered(VALUES["a sidecar with everything"])))
    redirect, gateway = pod["initContainers"]

    assert (redirect["name"], "restartPolicy" in redirect) == ("subrosa-redirect", False)
    assert (gateway["name"], gateway["restartPolicy"]) == ("subrosa", "Always")
    assert gateway["startupProbe"]["httpGet"]["path"] == "/readyz"
    assert [each["name"] for each in pod["containers"]] == ["recorder"]


def test_an_address_is_exempt_only_where_it_is_asked_for() -> None:
    def exempt(**switches: bool) -> list[str]:
        found = containers(
            rendered({"mode": "sidecar", "sidecar": {"workload": WORKLOAD, "exempt": switches}})
        )
        arguments: list[str] = found["subrosa-redirect"]["args"]
        return [address for flag, address in pairwise(arguments) if flag == "--exempt"]

    assert exempt() == []
    assert exempt(instanceMetadata=True) == ["169.254.169.254", "fd00:ec2::254"]
    assert exempt(ecsCredentials=True) == ["169.254.170.2"]
    assert exempt(eksPodIdentity=True) == ["169.254.170.23", "fd00:ec2::23"]


def test_the_redirect_goes_by_the_user_that_the_gateway_runs_as() -> None:
    context = {"runAsNonRoot": True, "runAsUser": 4711, "runAsGroup": 4711, "fsGroup": 4711}
    found = containers(
        rendered({"mode": "sidecar", "sidecar": {"workload": WORKLOAD}, "podSecurityContext": context})
    )
    arguments = found["subrosa-redirect"]["args"]

    assert arguments[arguments.index("--uid") + 1] == "4711"
    assert found["subrosa"]["securityContext"]["runAsUser"] == 4711


def test_workloads_reach_the_gateway_and_names_and_nothing_else() -> None:
    policies = {each["metadata"]["name"]: each["spec"] for each in of_kind(rendered({}), "NetworkPolicy")}
    workloads = policies["trial-subrosa-workloads"]
    ports = [(port["protocol"], port["port"]) for rule in workloads["egress"] for port in rule["ports"]]

    assert workloads["policyTypes"] == ["Egress"]
    assert ports == [("TCP", "proxy"), ("UDP", 53), ("TCP", 53)]
    assert all("podSelector" in peer for rule in workloads["egress"] for peer in rule["to"])


def test_the_gateway_reaches_no_private_address_and_no_metadata() -> None:
    policies = {each["metadata"]["name"]: each["spec"] for each in of_kind(rendered({}), "NetworkPolicy")}
    blocks = [
        peer["ipBlock"]
        for rule in policies["trial-subrosa"]["egress"]
        for peer in rule["to"]
        if "ipBlock" in peer
    ]

    assert {each["cidr"] for each in blocks} == {"0.0.0.0/0", "::/0"}
    assert {"10.0.0.0/8", "169.254.0.0/16", "fc00::/7"} <= {net for each in blocks for net in each["except"]}


def test_metrics_are_open_to_the_scraper_and_the_admin_port_to_nobody() -> None:
    documents = rendered({})
    settings = yaml.safe_load(settings_in(documents))
    ingress = next(
        each["spec"]["ingress"]
        for each in of_kind(documents, "NetworkPolicy")
        if each["metadata"]["name"] == "trial-subrosa"
    )

    assert settings["admin"].startswith("127.0.0.1:")
    assert [port["port"] for rule in ingress for port in rule["ports"]] == ["proxy", "metrics"]
    assert "namespaceSelector" in ingress[1]["from"][0]


def test_the_chart_carries_the_alerts_and_boards_of_the_project() -> None:
    documents = rendered(VALUES["a gateway with everything"])
    groups = of_kind(documents, "PrometheusRule")[0]["spec"]["groups"]
    boards = next(
        each for each in of_kind(documents, "ConfigMap") if each["metadata"]["name"].endswith("-dashboards")
    )
    folder = ROOT / "grafana"
    expected = [
        group
        for name in ("recording.yaml", "alerts.yaml")
        for group in yaml.safe_load((folder / "alerts" / name).read_text())["groups"]
    ]

    assert groups == expected
    assert {name: json.loads(text) for name, text in boards["data"].items()} == {
        f"subrosa-{path.name}": json.loads(path.read_text())
        for path in (folder / "dashboards").glob("*.json")
    }


def test_the_chart_carries_the_redirect_of_the_project() -> None:
    found = next(
        each
        for each in of_kind(rendered({"mode": "sidecar"}), "ConfigMap")
        if each["metadata"]["name"].endswith("-redirect")
    )

    assert found["data"]["redirect.sh"].strip() == (ROOT / "deploy/redirect/redirect.sh").read_text().strip()


def test_other_settings_make_other_pods() -> None:
    def checksums(settings: dict[str, Any]) -> set[str]:
        return {
            each["spec"]["template"]["metadata"]["annotations"]["subrosa.dev/settings"]
            for each in of_kind(rendered({"settings": settings}), "Deployment")
        }

    assert checksums({"profile": "strict"}).isdisjoint(checksums({"profile": "standard"}))
