"""`svc demo` as a person runs it: up, a /start, the ACTIVE instance killed, another /start, Ctrl-C, nothing left."""

from __future__ import annotations

import json
import os
import re
import signal
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from fleet.waiting import eventually
from tests.processes import DEADLINE, RunningProcess, environment_of_checkout, python, running

pytestmark = pytest.mark.processes


def running_demo() -> AbstractAsyncContextManager[RunningProcess]:
    """`svc demo`, with a HOST in the environment that would open it to other machines."""
    return running(*python("-m", "svc", "demo"), env=environment_of_checkout(LOG_FORMAT="json", HOST="0.0.0.0"))


def shown(demo: RunningProcess, pattern: str) -> str:
    """The part of what it printed that the pattern's group matches."""
    found = re.search(pattern, demo.printed)
    assert found is not None, demo.printed
    return found[1]


def events(demo: RunningProcess, name: str) -> list[dict[str, Any]]:
    """The lines of this event in the log of either instance; a line that is still being written is left out."""
    lines = [line for line in demo.printed.splitlines(keepends=True) if line.startswith("{") and line[-1] == "\n"]
    return [event for event in map(json.loads, lines) if event["event"] == name]


async def test_the_demo_runs_the_main_job_and_leaves_nothing() -> None:
    """A /start gets its menu, also after a kill; Ctrl-C ends all of it with exit 0."""
    async with running_demo() as demo, httpx.AsyncClient(trust_env=False) as client:
        await demo.says("Ctrl-C ends all of it")
        chat = shown(demo, r"Open the chat:\s+(http://\S+)/")
        active = int(shown(demo, r"kill -9 (\d+)"))
        binds = [event["bind"] for event in events(demo, "HTTP_UP")]
        assert len(binds) == 2
        assert all(bind.startswith("http://127.0.0.1:") for bind in binds), "open to other machines"

        async def start(done: int) -> None:
            """Say /start, and wait until `done` updates are settled in the database.

            Not only until the menu is sent: an instance that is killed between the two leaves a send in doubt, which
            is rightly repeated.
            """
            await client.post(f"{chat}/user/7/send", json={"text": "/start"})
            await eventually(lambda: len(events(demo, "DONE")) >= done, DEADLINE)

        await start(done=1)
        os.kill(active, signal.SIGKILL)
        await start(done=2)
        messages = (await client.get(f"{chat}/user/7/messages")).json()["messages"]
        assert [message["from"]["is_bot"] for message in messages] == [False, True, False, True]
        assert (await client.get(f"{chat}/")).status_code == 200
        provider = shown(demo, r"had created:\s+curl (http://\S+)")
        assert (await client.get(provider)).json() == {"tasks": []}

        children = _children(demo.process.pid)
        assert len(children) >= 2
        demo.process.send_signal(signal.SIGINT)
        assert await demo.exit_code() == 0
        assert _alive(children) == []


async def test_the_demo_can_be_interrupted_while_it_starts() -> None:
    """Ctrl-C on a terminal, which reaches the whole process group: exit 130, and no traceback."""
    async with running_demo() as demo:
        await demo.says("starting")
        os.killpg(demo.process.pid, signal.SIGINT)
        assert await demo.exit_code() == 130
    assert "Traceback" not in demo.printed
    assert "The bot is up" not in demo.printed


@pytest.mark.parametrize(
    ("bot", "why"),
    [
        ("nothing", "nothing is not package.module:name"),
        ("no.such.module:bot", "no.such.module cannot be imported"),
        ("here:other", "here:other is not a svc.handler.bot.Bot"),
    ],
)
async def test_a_bot_that_is_none_is_said_before_anything_starts(tmp_path: Path, bot: str, why: str) -> None:
    """Exit 2 with one line; a module in the working folder is found."""
    (tmp_path / "here.py").write_text("other = 1\n")
    demo = python("-P", "-m", "svc", "demo", "--bot", bot)
    async with running(*demo, env=environment_of_checkout(), folder=tmp_path) as process:
        assert await process.exit_code() == 2
    (line,) = process.printed.splitlines()
    assert line.startswith(f"svc demo: {why}")


def _children(parent: int) -> list[int]:
    """The processes that `parent` has started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            # "pid (name) state ppid ...", and the name may hold anything.
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found


def _alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]
