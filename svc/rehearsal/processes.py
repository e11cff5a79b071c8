"""The processes of a rehearsal: each decides with one code, and is replaced where it hangs or ends."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from svc.rehearsal import decide
from svc.rehearsal.kept import KeptUpdate

THIS_CODE = Path(__file__).resolve().parents[2]
# In seconds. Handlers take milliseconds; to import a bot may take a while on a machine with other work.
DECIDE_DEADLINE = 5.0
START_DEADLINE = 60.0
END_DEADLINE = 5.0
MOST_ENDED = 10
"""So often a process may hang or end before it is no use to go on."""

# Nothing else of our environment: no setting, so no secret either.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH")


class RehearsalFailed(Exception):
    """The code cannot be used, or does not go on; the message says why."""


@dataclass(frozen=True)
class Side:
    """Whose answers these are (`name` is for people), and the code and the bot that give them."""

    name: str
    code: Path
    bot: str


@dataclass(frozen=True)
class Answer:
    """What was decided: the reply as JSON has it, or why there is none."""

    reply: Mapping[str, Any] | None = None
    error: str | None = None


class Decider:
    """Answers with the code of one side. `told` is what it is told besides the updates."""

    def __init__(self, side: Side, told: Mapping[str, Any]) -> None:
        self._side = side
        self._setup = {**told, "bot": side.bot}
        self._process: trio.Process | None = None
        self._rest = b""
        self._ended = 0

    async def start(self) -> None:
        """Have its process ready; raises RehearsalFailed if its code cannot be used."""
        self._process = await trio.lowlevel.open_process(
            # Not from the folder of this script: its modules are nobody's.
            [sys.executable, "-P", decide.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(self._side.code),
        )
        self._rest = b""
        await self._feed([self._setup])
        with trio.move_on_after(START_DEADLINE):
            hello = json.loads(await self._line() or '{"fault": "its process has ended"}')
            if fault := hello.get("fault"):
                raise RehearsalFailed(f"{self._side.name} cannot be used: {fault}")
            if hello["code"] != str(self._side.code):
                raise RehearsalFailed(f"{self._side.name} is not used: svc is found in {hello['code']}")
            return
        raise RehearsalFailed(f"{self._side.name} was not ready after {START_DEADLINE:g} s")

    async def decide(self, updates: Sequence[KeptUpdate]) -> list[Answer]:
        """One answer for each of them; raises RehearsalFailed when the process has hung or ended too often."""
        answers: list[Answer] = []
        while len(answers) < len(updates):
            if self._process is None:
                await self.start()
            answers += await self._decide_while_it_lives(updates[len(answers) :])
            if self._process is None and self._ended >= MOST_ENDED:
                why = f"{MOST_ENDED} times {answers[-1].error}"
                raise RehearsalFailed(f"{self._side.name} does not go on: {why}")
        return answers

    async def end(self) -> None:
        """End its process."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        with trio.CancelScope(shield=True, deadline=trio.current_time() + END_DEADLINE):
            await process.wait()

    async def _decide_while_it_lives(self, updates: Sequence[KeptUpdate]) -> list[Answer]:
        """The answers for these, or for the first of them up to the one over which the process hangs or ends."""
        answers: list[Answer] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._feed, [_given(update) for update in updates])
            while len(answers) < len(updates):
                line, why = None, f"a handler did not return within {DECIDE_DEADLINE:g} s"
                with trio.move_on_after(DECIDE_DEADLINE):
                    line, why = await self._line(), "a handler ended its process"
                if line is None:
                    answers.append(Answer(error=why))
                    self._ended += 1
                    await self.end()
                    break
                answers.append(Answer(**json.loads(line)))
            nursery.cancel_scope.cancel(reason="nothing more comes of it")
        return answers

    async def _feed(self, lines: Sequence[Mapping[str, Any]]) -> None:
        assert self._process is not None
        stdin = self._process.stdin
        assert stdin is not None
        try:
            for line in lines:
                await stdin.send_all(json.dumps(line).encode() + b"\n")
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # It has ended: who reads its answers hears that.

    async def _line(self) -> bytes | None:
        """The next line that it says; None if it has ended."""
        assert self._process is not None
        assert self._process.stdout is not None
        while b"\n" not in self._rest:
            chunk = await self._process.stdout.receive_some()
            if not chunk:
                return None
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        return line


@asynccontextmanager
async def deciding(side: Side, told: Mapping[str, Any]) -> AsyncIterator[Decider]:
    """A Decider that is ready, until the end of the block; raises RehearsalFailed."""
    decider = Decider(side, told)
    try:
        await decider.start()
        yield decider
    finally:
        await decider.end()  # noqa: ASYNC102 (shields itself, with a deadline)


def _environment(code: Path) -> dict[str, str]:
    """That of a process that finds this code before any other."""
    places = [str(code), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    fixed = {"PYTHONPATH": os.pathsep.join(places), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    return inherited | fixed


def _given(update: KeptUpdate) -> dict[str, Any]:
    state = json.loads(update.state) if update.state is not None else {}
    payload = base64.b64encode(update.payload).decode()
    return {"update_id": update.update_id, "payload": payload, "state": state, "now": update.now, "age": update.age}
