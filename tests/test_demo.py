"""`svc demo` as a person runs it: up, a /start, the ACTIVE instance killed, another /start, Ctrl-C, nothing left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx
import trio

from fleet.waiting import eventually

DEADLINE = 60.0


async def test_the_demo_runs_the_main_job_and_leaves_nothing() -> None:
    """A /start gets its menu, also after a kill; Ctrl-C ends all of it with exit 0."""
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "svc", "demo"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    printed = ""

    async def read() -> None:
        nonlocal printed
        assert process.stdout is not None
        async for chunk in process.stdout:
            printed += chunk.decode()

    try:
        with trio.fail_after(DEADLINE):
            async with trio.open_nursery() as nursery, httpx.AsyncClient(trust_env=False) as client:
                nursery.start_soon(read)
                await eventually(lambda: "Ctrl-C ends all of it" in printed)
                chat = re.search(r"Open the chat:\s+(http://\S+)/", printed)
                active = re.search(r"kill -9 (\d+)", printed)
                assert chat is not None
                assert active is not None

                async def menus(count: int) -> None:
                    await client.post(f"{chat[1]}/user/7/send", json={"text": "/start"})
                    await eventually(lambda: printed.count("MAIN_MENU_SENT") >= count)

                await menus(1)
                os.kill(int(active[1]), signal.SIGKILL)
                await menus(2)
                messages = (await client.get(f"{chat[1]}/user/7/messages")).json()["messages"]
                assert [message["from"]["is_bot"] for message in messages] == [False, True, False, True]
                assert (await client.get(f"{chat[1]}/")).status_code == 200

                children = _children(process.pid)
                assert len(children) >= 2
                process.send_signal(signal.SIGINT)
                assert await process.wait() == 0
        assert _alive(children) == []
    finally:
        if process.poll() is None:
            process.terminate()
            await process.wait()  # noqa: ASYNC102 (it ends what it has started)


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
