"""The keeper: what it was told of ends when the demo is killed, and nothing else does."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from demo.children import Child, born, lives
from demo.keeper import DONE_LINE, Told, ended_line, started_line
from fleet.waiting import eventually
from tests.processes import DEADLINE, environment_of_checkout, python, run, running

pytestmark = pytest.mark.processes

# Starts a sleeper that the keeper is told of, one that stands still, one that ends by SIGKILL only, one that nobody
# tells of, and one that is told to have ended though it has not. Then it waits to be killed.
PROGRAM = """
import os, signal, subprocess, sys
from pathlib import Path
from demo.children import MARK
from demo.keeper import Keeper

def shell(command): return subprocess.Popen(["sh", "-c", command], start_new_session=True)

keeper = Keeper(Path(sys.argv[1]))
(keeper.folder / "data").mkdir()
plain, frozen, untold = (shell("exec sleep 600") for _ in range(3))
stubborn = shell("trap '' QUIT; while :; do sleep 0.1; done")
keeper.started(plain.pid)
keeper.started(frozen.pid)
keeper.started(stubborn.pid, signal.SIGQUIT)
frozen.send_signal(signal.SIGSTOP)
os.environ.pop(MARK)
bystander = shell("exec sleep 600")
keeper.started(bystander.pid)
keeper.ended(bystander.pid)
print("keeper", keeper.pid)
print("children", plain.pid, frozen.pid, untold.pid, stubborn.pid)
print("bystander", bystander.pid, flush=True)
signal.pause()
"""
DONE = """
import sys
from pathlib import Path
from demo.keeper import Keeper

keeper = Keeper(Path(sys.argv[1]))
print("keeper", keeper.pid)
keeper.close()
"""


def test_what_the_pipe_tells() -> None:
    """A process runs from the line that it was started to the line that it ended; an id that comes again is another."""
    told = Told()
    for line in (started_line(Child(7, 100)), started_line(Child(8, 200, signal.SIGQUIT)), ended_line(7)):
        told.take(line)
    assert told.children == {8: Child(8, 200, signal.SIGQUIT)}
    told.take(started_line(Child(8, 300)))
    assert told.children == {8: Child(8, 300)}
    assert not told.done
    told.take(DONE_LINE)
    assert told.done


@pytest.mark.parametrize("line", ["", "started 7", "ended seven", "ended 7 8", "begun 7"])
def test_any_other_line_is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match=r"pipe|invalid literal"):
        Told().take(line)


def test_a_process_with_the_same_id_is_another() -> None:
    """By its start time: nobody is killed for having the id of one that has ended."""
    assert lives(Child(os.getpid(), born(os.getpid())))
    assert not lives(Child(os.getpid(), born(os.getpid()) - 1))


def test_a_zombie_has_ended() -> None:
    """In a container, where nobody may ever wait for it."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        child = Child(process.pid, born(process.pid))
        assert lives(child)
        assert process.stdin is not None
        process.stdin.close()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not lives(child)


@pytest.mark.parametrize("kill", [os.kill, os.killpg])
async def test_what_was_started_ends_when_the_demo_is_killed(tmp_path: Path, kill: Callable[[int, int], None]) -> None:
    """Also what stands still, what does not end when asked to, and what was not told of yet; signals do not end it."""
    folder = tmp_path / "demo"
    async with running(*python("-c", PROGRAM, str(folder)), env=environment_of_checkout()) as program:
        await program.says("bystander")
        pids = {name: [*map(int, rest)] for name, *rest in map(str.split, program.printed.splitlines())}
        (bystander,) = pids.pop("bystander")
        try:
            (keeper,), children = pids["keeper"], pids["children"]
            assert all(map(born, children))
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                os.kill(keeper, number)
            kill(program.process.pid, signal.SIGKILL)
            await eventually(lambda: not any(map(born, [keeper, *children])), DEADLINE)
            assert born(bystander), "it was told to have ended"
            assert not folder.exists()
        finally:
            os.kill(bystander, signal.SIGKILL)


async def test_when_the_demo_is_done_the_keeper_touches_nothing(tmp_path: Path) -> None:
    """It ends, and leaves a folder that is still there to the demo, which may have its reasons."""
    done = await run(*python("-c", DONE, str(tmp_path)), env=environment_of_checkout())
    assert done.returncode == 0, done.stderr
    assert not born(int(done.stdout.split()[1]))
    assert await trio.Path(tmp_path).exists()
