"""Commands as processes of their own: run to their end, or at work with what they print. Every wait has a deadline.

`fleet/process.py` runs instances of the service and reads their log; here a command is looked at from outside.
"""

from __future__ import annotations

import codecs
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from fleet.process import inherited_environment
from svc.waiting import Wakeup

ROOT = Path(__file__).parent.parent
# Commands take seconds; a machine that others load takes its time.
DEADLINE = 110.0


def environment(**settings: str) -> dict[str, str]:
    """A few inherited names and `settings`: nothing else of our own environment, and no way to this repository."""
    return inherited_environment() | settings


def environment_of_checkout(**settings: str) -> dict[str, str]:
    """The same, and this checkout's modules are found from every folder."""
    return environment(**{"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"} | settings)


async def run(
    *command: str | Path, env: Mapping[str, str], folder: Path | None = None, deadline: float = DEADLINE
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in `folder` (default: ours)."""
    with trio.fail_after(deadline):
        done: subprocess.CompletedProcess[bytes] = await trio.run_process(
            [str(word) for word in command], env=env, cwd=folder, capture_stdout=True, capture_stderr=True, check=False
        )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


class RunningProcess:
    """A command at work. `printed` is what it and its children have written so far, to stdout and stderr."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self.printed = ""
        self._more = Wakeup()
        self._read_all = trio.Event()

    async def says(self, words: str) -> None:
        """Wait until it has printed `words`; a failure, with what it has printed, if they do not come."""
        with trio.move_on_after(DEADLINE):
            while words not in self.printed and not self._read_all.is_set():
                await self._more.wait()
        if words not in self.printed:
            pytest.fail(f"{words!r} is not in what it printed:\n{self.printed}")

    async def exit_code(self) -> int:
        """Wait for its end, and until all that it and its children have printed was read."""
        with trio.fail_after(DEADLINE):
            code = await self.process.wait()
            await self._read_all.wait()
        return code

    async def read(self) -> None:
        """Collect what is printed until nobody can print any more."""
        assert self.process.stdout is not None
        decoder = codecs.getincrementaldecoder("utf-8")()  # a chunk may end within a character
        async for chunk in self.process.stdout:
            self.printed += decoder.decode(chunk)
            self._more.set()
        self._read_all.set()
        self._more.set()


@asynccontextmanager
async def running(
    *command: str | Path, env: Mapping[str, str], folder: Path | None = None
) -> AsyncIterator[RunningProcess]:
    """A command in a process group of its own; SIGTERM at the end of the block if it still runs."""
    process = await trio.lowlevel.open_process(
        [str(word) for word in command],
        env=env,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    started = RunningProcess(process)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(started.read)
            yield started
            nursery.cancel_scope.cancel(reason="the test has seen enough")
    finally:
        with trio.move_on_after(DEADLINE, shield=True):
            if process.poll() is None:
                process.terminate()
            await process.wait()


def python(*arguments: str) -> list[str]:
    """The command line of the Python that runs the tests."""
    return [sys.executable, *arguments]
