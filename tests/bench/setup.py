"""What a fresh clone lacks: Debian's peers, the environment with the others, the Go client and destination."""

import os
import shutil
import subprocess
import tempfile
import venv
from pathlib import Path

from bench.peers import CERTGEN, found
from bench.place import ENVIRONMENT, HERE
from bench.rounds import say

REQUIREMENTS = HERE / "requirements.txt"
STAMP = ENVIRONMENT / ".built-from-requirements.txt"
PACKAGES = {
    "c-icap": "c-icap",
    "h2load": "nghttp2-client",
    "openssl": "openssl",
    "squid": "squid-openssl",
    "tinyproxy": "tinyproxy",
    "wrk": "wrk",
}
NO_SERVICES = Path("/usr/sbin/policy-rc.d")
"""While it says 101, Debian's packages do not start the daemons that they install (invoke-rc.d)."""


def lacking() -> dict[str, str]:
    """Commands that are not there, with the Debian package that has each. A Squid without OpenSSL does not count."""
    missing = {command: package for command, package in PACKAGES.items() if not found(command)}
    if not any(Path(path).exists() for path in CERTGEN):
        missing["squid"] = PACKAGES["squid"]
    return missing


def debian() -> None:
    """Install what is missing where that can be done; elsewhere say it, and measure without."""
    missing = lacking()
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        say(f"bench: missing {', '.join(missing)} (Debian packages: {', '.join(missing.values())})")
        say("bench: rows that need them are left out; as root on Debian they are installed")
        return
    say(f"bench: installing {', '.join(missing.values())}")
    made = not NO_SERVICES.exists()
    if made:
        NO_SERVICES.write_text("#!/bin/sh\nexit 101\n")
        NO_SERVICES.chmod(0o755)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(["apt-get", "update", "-qq"], env=quiet, check=True, stdout=subprocess.DEVNULL)
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing.values()]
        subprocess.run(install, env=quiet, check=True, stdout=subprocess.DEVNULL)
    except subprocess.CalledProcessError as fault:
        say(f"bench: {' '.join(fault.cmd[:2])} failed; rows that need these packages are left out")
    finally:
        if made:
            NO_SERVICES.unlink(missing_ok=True)


def environment() -> None:
    """Build the peers' environment anew when its requirements have changed."""
    if STAMP.exists() and STAMP.read_bytes() == REQUIREMENTS.read_bytes():
        return
    say(f"bench: building {ENVIRONMENT} from {REQUIREMENTS.name}")
    venv.create(ENVIRONMENT, clear=True, with_pip=True)
    pip = [
        str(ENVIRONMENT / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    subprocess.run([*pip, "--require-hashes", "--requirement", str(REQUIREMENTS)], check=True)
    shutil.copy(REQUIREMENTS, STAMP)


def build() -> None:
    """Compile the client and the destination, offline: they use Go's standard library alone."""
    with tempfile.TemporaryDirectory() as home:
        offline = {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "GOCACHE": str(ENVIRONMENT / "go-cache"),
            "GOENV": "off",
            "GOPROXY": "off",
            "GOTELEMETRY": "off",
            "GOTOOLCHAIN": "local",
            "CGO_ENABLED": "0",
        }
        command = [
            str(ENVIRONMENT / "bin" / "go"),
            "build",
            "-o",
            str(ENVIRONMENT / "bin"),
            "./client",
            "./sink",
        ]
        subprocess.run(command, cwd=HERE / "load", env=offline, check=True)


def ready() -> None:
    """All of it; quick when it is there already."""
    debian()
    environment()
    build()
