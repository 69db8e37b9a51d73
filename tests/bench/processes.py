"""Processes that are started, read from /proc, and stopped, each with all of its descendants."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
QUIET = 0.3
"""Seconds for which who has loaded everything takes next to no CPU."""


class StartError(RuntimeError):
    """A process ended, or did not listen in time."""


@dataclass(frozen=True, slots=True)
class Stat:
    """What `/proc/<pid>/stat` says that matters here (proc(5)); the name in it may hold anything."""

    pid: int
    parent: int
    cpu: float
    """Seconds, user and system, of the process and of its children that it has waited for."""

    @classmethod
    def parse(cls, text: str) -> "Stat":
        """One line of `/proc/<pid>/stat`."""
        fields = text[text.rindex(")") + 2 :].split()
        return cls(int(text.split(" ", 1)[0]), int(fields[1]), sum(map(int, fields[11:15])) / TICKS)


def _stats() -> Iterator[Stat]:
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                yield Stat.parse((entry / "stat").read_text())


def tree(roots: Sequence[int], stats: Sequence[Stat]) -> list[Stat]:
    """The processes with these ids, and all that descend from them."""
    children: dict[int, list[Stat]] = {}
    for stat in stats:
        children.setdefault(stat.parent, []).append(stat)
    found = [stat for stat in stats if stat.pid in set(roots)]
    for stat in found:  # grows while it is walked
        found.extend(children.get(stat.pid, ()))
    return found


def status(pid: int, key: str) -> int:
    """A size of `/proc/<pid>/status` in octets; 0 of a process that has gone."""
    with contextlib.suppress(OSError):
        for line in (PROC / str(pid) / "status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1]) * 1024
    return 0


@dataclass(slots=True)
class Group:
    """One subject's processes."""

    processes: list[subprocess.Popen[bytes]]
    log: Path

    def tree(self) -> list[Stat]:
        """All of its processes now."""
        return tree([process.pid for process in self.processes], list(_stats()))

    def cpu(self) -> float:
        """Seconds of CPU since it started."""
        return sum(stat.cpu for stat in self.tree())

    def resident(self) -> int:
        """Octets in memory now."""
        return sum(status(stat.pid, "VmRSS") for stat in self.tree())

    def peak(self) -> int:
        """Octets in memory at most, summed over its processes, since `forget_peak`."""
        return sum(status(stat.pid, "VmHWM") for stat in self.tree())

    def forget_peak(self) -> None:
        """Let `peak` begin anew (proc(5), clear_refs)."""
        for stat in self.tree():
            with contextlib.suppress(OSError):
                (PROC / str(stat.pid) / "clear_refs").write_text("5")

    def entries(self, name: str) -> int:
        """How many entries `/proc/<pid>/<name>` has: `fd` are descriptors, `task` are threads."""
        total = 0
        for stat in self.tree():
            with contextlib.suppress(OSError):
                total += sum(1 for _ in (PROC / str(stat.pid) / name).iterdir())
        return total

    def fault(self) -> str:
        """The end of what it printed, for an error."""
        return self.log.read_text(errors="replace")[-800:].strip()

    def alive(self) -> bool:
        """Whether none of those we started has ended."""
        return all(process.poll() is None for process in self.processes)

    def rest(self, patience: float = 20.0) -> None:
        """Wait until it does nothing: what is loaded once the ports answer is no part of any round."""
        deadline, before = time.monotonic() + patience, self.cpu()
        while time.monotonic() < deadline:
            time.sleep(QUIET)
            if (now := self.cpu()) - before < QUIET / 10:
                return
            before = now

    def stop(self, patience: float = 8.0) -> None:
        """End all of it: politely first."""
        everyone = [stat.pid for stat in self.tree()]
        for process in self.processes:
            process.terminate()
        deadline = time.monotonic() + patience
        for process in self.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
        ours = {process.pid for process in self.processes}
        for process in self.processes:
            process.kill()
            process.wait()
        for pid in everyone:
            if pid not in ours:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def start(
    commands: Sequence[Sequence[str]],
    *,
    directory: Path,
    ports: Sequence[int],
    environment: Mapping[str, str] | None = None,
    patience: float = 60.0,
) -> Group:
    """Start a subject's commands, and wait until its ports answer.

    Raises:
        StartError: with the end of what it printed.
    """
    log = directory / "log"
    with log.open("ab") as output:
        group = Group(
            [
                subprocess.Popen(
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=directory,
                    env=environment,
                    start_new_session=True,
                )
                for command in commands
            ],
            log,
        )
    deadline = time.monotonic() + patience
    for port in ports:
        while not _listens(port):
            if not group.alive() or time.monotonic() > deadline:
                group.stop()
                raise StartError(f"`{commands[0][0]}` did not listen on port {port}: {group.fault()}")
            time.sleep(0.05)
    return group


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
