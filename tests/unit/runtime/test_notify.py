"""What a service manager hears, on a socket of its own."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from subrosa.runtime.notify import ServiceManager


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    structlog.reset_defaults()
    name = f"@subrosa-{os.getpid()}" if request.param == "abstract" else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0" + name[1:] if name.startswith("@") else name)
        sock.settimeout(5)
        yield name, sock


def test_it_hears_when_the_gateway_serves_and_when_it_ends(manager: tuple[str, socket.socket]) -> None:
    name, sock = manager
    told = ServiceManager.of({"NOTIFY_SOCKET": name})
    told.ready()
    assert sock.recv(100) == b"READY=1\nSTATUS=serving"
    told.stopping()
    assert sock.recv(100) == b"STOPPING=1\nSTATUS=draining"


@pytest.mark.asyncio
async def test_it_hears_signs_of_life_as_often_as_it_wants(manager: tuple[str, socket.socket]) -> None:
    name, sock = manager
    told = ServiceManager.of(
        {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "20000", "WATCHDOG_PID": str(os.getpid())}
    )
    living = asyncio.get_running_loop().create_task(told.alive())
    for _ in range(3):
        assert await asyncio.to_thread(sock.recv, 100) == b"WATCHDOG=1"
    living.cancel()


@pytest.mark.parametrize(
    ("environment", "address", "watchdog"),
    [
        pytest.param({}, "", 0, id="nobody"),
        pytest.param({"NOTIFY_SOCKET": "/x"}, "/x", 0, id="one without a watchdog"),
        pytest.param({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "3000000"}, "/x", 3, id="one with"),
        pytest.param({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, "", 0, id="another's watchdog"),
        pytest.param({"WATCHDOG_USEC": "soon"}, "", 0, id="no number"),
    ],
)
def test_what_the_environment_says(environment: dict[str, str], address: str, watchdog: float) -> None:
    assert ServiceManager.of(environment) == ServiceManager(address, watchdog)


def test_one_that_is_gone_is_told_of_once_and_nothing_fails(tmp_path: Path) -> None:
    structlog.reset_defaults()
    with capture_logs() as lines:
        ServiceManager(str(tmp_path / "gone")).ready()
        ServiceManager().ready()
    assert [line["fault"] for line in lines] == ["no such file or directory"]
