"""Many commands, one after the other in one process, which has to import everything but once: most of the time that a
command takes by itself.

`python -m tests.commands_in_turn` takes each line that it reads, a JSON list, for the arguments of `svc`, and answers
with one: the exit code, and what was printed to stdout and to stderr.
"""

from __future__ import annotations

import io
import json
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

    async def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        assert self._process.stdin is not None
        with trio.fail_after(DEADLINE):
            await self._process.stdin.send_all(f"{json.dumps(arguments)}\n".encode())
            code, stdout, stderr = json.loads(await self._line())
        return subprocess.CompletedProcess(["svc", *arguments], code, stdout, stderr)

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


def run(arguments: list[str]) -> tuple[int, str, str]:
    """Run one command here."""
    with redirect_stdout(io.StringIO()) as stdout, redirect_stderr(io.StringIO()) as stderr:
        code = main(arguments)
    return code, stdout.getvalue(), stderr.getvalue()


if __name__ == "__main__":
    for line in sys.stdin:
        answer = json.dumps(run(json.loads(line)))
        print(answer, flush=True)
