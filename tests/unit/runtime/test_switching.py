"""The switch that refuses everything, by each way that it is turned; what cannot be read counts as on."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from subrosa.runtime.lockdown import Lockdown
from subrosa.runtime.switching import Switch

OWN = f"uid {os.getuid()}"


def no_file(state: Path) -> None:
    """Nothing was ever done."""


def touched(state: Path) -> None:
    (state / "lockdown").touch()


def a_directory(state: Path) -> None:
    (state / "lockdown").mkdir()


def a_link_to_nothing(state: Path) -> None:
    (state / "lockdown").symlink_to("nowhere")


def no_state_directory(state: Path) -> None:
    state.rmdir()


def a_file_for_a_directory(state: Path) -> None:
    state.rmdir()
    state.touch()


def a_loop(state: Path) -> None:
    state.rmdir()
    state.symlink_to(state)


@pytest.mark.parametrize(
    ("arrange", "on", "by"),
    [
        pytest.param(no_file, False, "", id="no file"),
        pytest.param(touched, True, OWN, id="a file"),
        pytest.param(a_directory, True, OWN, id="a directory of that name"),
        pytest.param(a_link_to_nothing, True, OWN, id="a link to nothing"),
        pytest.param(no_state_directory, True, "the state directory cannot be read", id="no state directory"),
        pytest.param(a_file_for_a_directory, True, "it cannot be read: not a directory", id="no directory"),
        pytest.param(a_loop, True, "it cannot be read: too many levels of symbolic links", id="a loop"),
    ],
)
def test_what_the_file_says(tmp_path: Path, arrange: Callable[[Path], None], on: bool, by: str) -> None:
    state = tmp_path / "state"
    state.mkdir()
    arrange(state)
    lockdown = Lockdown.of(state)
    seen = lockdown.read()
    assert (seen.on, seen.by, lockdown.on) == (on, by, on)


def test_it_survives_a_restart(tmp_path: Path) -> None:
    assert Lockdown.of(tmp_path).set(on=True) == ""
    assert (tmp_path / "lockdown").stat().st_mode & 0o777 == 0o600
    again = Lockdown.of(tmp_path)
    assert again.read().on
    assert again.set(on=False) == ""
    assert not Lockdown.of(tmp_path).read().on


def test_what_cannot_be_written_is_on_until_it_is_turned_off(tmp_path: Path) -> None:
    state = tmp_path / "state"
    lockdown = Lockdown.of(state)
    assert "cannot be made: no such file" in lockdown.set(on=True)
    assert lockdown.on
    state.mkdir()
    assert lockdown.noticed() is None
    assert lockdown.on
    assert lockdown.set(on=False) == ""
    assert not lockdown.on


def test_what_cannot_be_removed_stays_on(tmp_path: Path) -> None:
    (tmp_path / "lockdown").mkdir()
    lockdown = Lockdown.of(tmp_path)
    lockdown.read()
    assert "cannot be removed: is a directory" in lockdown.set(on=False)
    assert lockdown.on
    (tmp_path / "lockdown").rmdir()
    seen = lockdown.noticed()
    assert seen is not None
    assert not seen.on


def test_a_file_of_somebody_else_is_left_as_it_is(tmp_path: Path) -> None:
    lockdown = Lockdown.of(tmp_path)
    lockdown.file.write_text("by the privacy officer")
    assert lockdown.set(on=True) == ""
    assert lockdown.file.read_text() == "by the privacy officer"


class Bench:
    """A switch, and what it told."""

    def __init__(self, state: Path) -> None:
        self.told: list[bool] = []
        self.obeyed: list[bool] = []
        self.moved = asyncio.Event()
        self.switch = Switch(state, self.told.append)
        self.switch.obey = self.obey

    async def obey(self, *, on: bool) -> None:
        self.obeyed.append(on)
        self.moved.set()

    async def next(self) -> None:
        async with asyncio.timeout(5):
            await self.moved.wait()
        self.moved.clear()


@pytest.fixture(autouse=True)
def _no_configuration() -> None:
    structlog.reset_defaults()


@pytest.mark.asyncio
async def test_each_change_is_logged_with_how_it_came_and_by_whom(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    watching = asyncio.get_running_loop().create_task(bench.switch.watch())
    with capture_logs() as lines:
        bench.switch.read()
        await bench.switch.turn("api", "192.0.2.7", on=True)
        await bench.switch.turn("signal", "SIGUSR1", on=True)
        await bench.switch.turn("signal", "SIGUSR2", on=False)
        bench.moved.clear()
        (tmp_path / "lockdown").touch()
        await bench.next()
        (tmp_path / "lockdown").unlink()
        await bench.next()
    watching.cancel()

    assert [(line["lockdown"], line["how"], line["by"]) for line in lines] == [
        (True, "api", "192.0.2.7"),
        (False, "signal", "SIGUSR2"),
        (True, "file", OWN),
        (False, "file", ""),
    ]
    assert bench.told == [True, False, True, False]
    assert bench.obeyed == [True, True, False, True, False]


@pytest.mark.asyncio
async def test_what_an_earlier_run_left_is_told(tmp_path: Path) -> None:
    (tmp_path / "lockdown").touch()
    bench = Bench(tmp_path)
    with capture_logs() as lines:
        bench.switch.read()
    assert [(line["how"], line["by"]) for line in lines] == [("start", OWN)]
    assert bench.told == [True]
