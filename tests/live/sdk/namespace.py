"""Network namespaces for tests that need a network of their own, or none at all."""

import os
import subprocess
import threading
from collections.abc import Callable

import pytest

ALONE = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$0" "$@"')
"""Put before a command: it runs in a network namespace with nothing but loopback."""


def _may(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


needs_namespace = pytest.mark.skipif(
    not _may("unshare", "--net", "ip", "link", "set", "lo", "up"),
    reason="this user may not make network namespaces",
)
needs_redirect = pytest.mark.skipif(
    not _may("unshare", "--net", "iptables", "-t", "nat", "-L"),
    reason="this user may not redirect connections, or iptables is not installed",
)
needs_mounts = pytest.mark.skipif(
    not _may("unshare", "--mount", "mount", "-t", "tmpfs", "-o", "size=1m", "none", "/mnt"),
    reason="this user may not mount in a namespace",
)


def entering(pid: int) -> tuple[str, ...]:
    """Put before a command: it runs in a process's network namespace."""
    return ("nsenter", f"--target={pid}", "--net")


def inside[T](pid: int, work: Callable[[], T]) -> T:
    """Run a function in a process's network namespace, on a thread that ends with it; sockets stay in there."""
    found: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            with open(f"/proc/{pid}/ns/net") as namespace:  # noqa: PTH123 - setns takes the descriptor
                os.setns(namespace.fileno(), os.CLONE_NEWNET)
            found.append(work())
        except BaseException as fault:  # noqa: BLE001 - told in the caller's thread
            failed.append(fault)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]
