"""Whatever ends `svc demo`, no process of it lives on and no file stays: a signal, a closed terminal, a kill."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
import trio

from fleet.waiting import eventually
from tests.processes import DEADLINE, RunningProcess, environment_of_checkout, python, run, running
from tests.remains import Space, space

# Each of several waits may take most of a minute on a loaded machine.
pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

UP = "Ctrl-C ends all of it"
# Becomes the terminal's own process, as a shell's job is, and then the demo.
ON_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "svc", "demo"])
"""
LACKING = """
import sys
sys.modules["rich"] = None
from svc.operations.cli import main
sys.exit(main(["demo"]))
"""


@pytest.fixture
def place() -> Iterator[Space]:
    """The folder for temporary files that the demo is given."""
    with space() as made:
        yield made


@asynccontextmanager
async def demo(place: Space) -> AsyncIterator[RunningProcess]:
    """`svc demo` in a process group of its own."""
    env = environment_of_checkout(**place.environment)
    async with running(*python("-m", "svc", "demo"), env=env) as process:
        yield process


async def nothing_is_left(place: Space) -> None:
    """Wait for that; a failure that says what is left if it does not come."""
    with trio.move_on_after(DEADLINE):
        await eventually(lambda: not place.processes() and not place.files(), DEADLINE)
    assert (place.processes(), place.files()) == ([], [])


@pytest.mark.parametrize("step", ["a Postgres", "becomes ACTIVE", "waits as PASSIVE"])
async def test_interrupted_while_it_sets_up(place: Space, step: str) -> None:
    """Ctrl-C on a terminal, which reaches the whole process group: exit 130, no traceback, and nothing is left then."""
    async with demo(place) as process:
        await process.says(step)
        os.killpg(process.process.pid, signal.SIGINT)
        assert await process.exit_code() == 130
    assert "Traceback" not in process.printed
    assert (place.processes(), place.files()) == ([], [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_ended_by_a_signal(place: Space, number: signal.Signals) -> None:
    """In order, also where an instance stands still: exit 0, and nothing is left by then."""
    async with demo(place) as process:
        await process.says(UP)
        os.kill(instances(place)[0], signal.SIGSTOP)
        process.process.send_signal(number)
        assert await process.exit_code() == 0
    assert "Traceback" not in process.printed
    assert (place.processes(), place.files()) == ([], [])


@pytest.mark.parametrize(("step", "code"), [("a Postgres", 130), (UP, 0)])
async def test_its_terminal_is_closed(place: Space, step: str, code: int) -> None:
    """It has nowhere to print any more, and ends in order all the same, which its exit code tells.

    With Python's output unbuffered, as it is set in many a container: then even printing nothing fails.
    """
    master, slave = os.openpty()
    process = await trio.lowlevel.open_process(
        python("-c", ON_TERMINAL),
        env=environment_of_checkout(PYTHONUNBUFFERED="1", **place.environment),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    terminal = trio.lowlevel.FdStream(master)
    printed = b""
    with trio.fail_after(DEADLINE):
        async for chunk in terminal:
            printed += chunk
            if step.encode() in printed:
                break
        await terminal.aclose()
        assert await process.wait() == code
    await nothing_is_left(place)


@pytest.mark.parametrize("kill", [os.kill, os.killpg])
async def test_killed(place: Space, kill: Callable[[int, int], None]) -> None:
    """It can do nothing itself; one instance stands still, and the standby of Postgres is in the making."""
    async with demo(place) as process:
        await process.says(UP)
        os.kill(instances(place)[0], signal.SIGSTOP)
        kill(process.process.pid, signal.SIGKILL)
        await process.process.wait()
    await nothing_is_left(place)


async def test_killed_while_postgres_is_made(place: Space) -> None:
    """While initdb runs."""
    async with demo(place) as process:
        await eventually(lambda: any("initdb" in each for each in place.processes()))
        process.process.kill()
        await process.process.wait()
    await nothing_is_left(place)


async def test_something_is_missing(place: Space) -> None:
    """One line says what, with the command that installs it; nothing was begun."""
    done = await run(*python("-c", LACKING), env=environment_of_checkout(**place.environment))
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert "it needs rich: pip install" in done.stderr
    assert place.files() == []


def instances(place: Space) -> list[int]:
    """The ids of the instances, the first one first."""
    return sorted(int(each.partition(":")[0]) for each in place.processes() if "-m svc run" in each)
