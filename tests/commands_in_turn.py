"""Many commands, one after the other in one process, which has to import everything but once: most of the time that a
command takes by itself.

`python -m tests.commands_in_turn` runs each line that it reads as the command of that name would be, and answers with a
line of JSON: the exit code, and what was printed.
"""

from __future__ import annotations

import io
import json
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path

import trio

from svc.operations.cli import main
from tests.processes import DEADLINE, python


class CommandsInTurn:
    """The process, as a test sees it."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process

    async def run(self, line: str) -> tuple[int, str]:
        """The exit code of `svc ...`, and what it has printed to stdout and stderr."""
        assert self._process.stdin is not None
        await self._process.stdin.send_all(f"{line}\n".encode())
        with trio.fail_after(DEADLINE):
            code, printed = json.loads(await self._line())
        return code, printed

    async def _line(self) -> bytes:
        assert self._process.stdout is not None
        line = b""
        while not line.endswith(b"\n"):
            more = await self._process.stdout.receive_some()
            assert more, "the process has ended"
            line += more
        return line


@asynccontextmanager
async def commands_in_turn(env: Mapping[str, str], folder: Path) -> AsyncIterator[CommandsInTurn]:
    """The process, with these settings and in this folder. It ends with the block."""
    async with trio.open_nursery() as nursery:
        command = python("-m", "tests.commands_in_turn")
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        process: trio.Process = await nursery.start(partial(trio.run_process, command, env=env, cwd=folder, **pipes))
        yield CommandsInTurn(process)
        assert process.stdin is not None
        await process.stdin.aclose()


def run(line: str) -> tuple[int, str]:
    """Run one command here."""
    printed = io.StringIO()
    with redirect_stdout(printed), redirect_stderr(printed):
        code = main(shlex.split(line)[1:])
    return code, printed.getvalue()


if __name__ == "__main__":
    for line in sys.stdin:
        answer = json.dumps(run(line))
        print(answer, flush=True)
