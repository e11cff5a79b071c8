"""`svc demo` as a person runs it: up, a /start, either instance killed, another /start, another terminal, Ctrl-C.

What ends it and what is left then has a file of its own, test_demo_leaves_nothing.py.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpx
import pytest
import trio

from fleet.waiting import eventually
from svc.operations import demo
from svc.operations.demo import free_or_any
from tests.processes import DEADLINE, RunningProcess, environment_of_checkout, python, run, running

# Each of several waits may take most of a minute on a loaded machine.
pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

UP = "Ctrl-C ends all of it"
IN_USE = """
BOT_TOKEN=999999:a-token-of-a-bot-that-people-use-12345
DATABASE_URL=postgresql://in-use:in-use@127.0.0.1:9/in-use
LEADER_DATABASE_URL=postgresql://in-use:in-use@127.0.0.1:9/in-use
WEBHOOK_URL=https://in-use.example/webhook
WEBHOOK_SECRET=in-use
INTAKE=polling
KIE_API_KEY=in-use
KIE_WEBHOOK_KEY=in-use
PUBLIC_URL=https://in-use.example
SEND_RATE_CHAT=0.01
LEASE=60
"""
"""The settings of a bot that people use."""


def shown(demo: RunningProcess, pattern: str) -> str:
    """The part of what it printed that the pattern's group matches."""
    found = re.search(pattern, demo.printed)
    assert found is not None, demo.printed
    return found[1]


class Visitor:
    """Somebody who has the page open."""

    def __init__(self, client: httpx.AsyncClient, page: str, logs: Path) -> None:
        self._client = client
        self._page = page
        self._logs = logs

    async def instances(self) -> dict[str, dict[str, Any]]:
        """What the page shows of the instances, by their state."""
        host, port = urlsplit(self._page).hostname, urlsplit(self._page).port
        assert host
        assert port
        received = b""
        async with await trio.open_tcp_stream(host, port) as stream:
            await stream.send_all(f"GET /demo/stream HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
            while (found := re.search(rb"event: system\ndata: (.*)\n\n", received)) is None:
                received += await stream.receive_some()
        return {each["state"]: each for each in json.loads(found[1])["instances"]}

    async def starts_one(self) -> None:
        """Press the button, and wait until it is up."""
        answer = await self._client.post(f"{self._page}/demo/do", json={"action": "start"})
        assert answer.status_code == 200, answer.text
        await eventually(lambda: self.events("LOCK_WAIT") >= 3, DEADLINE)

    async def says_start(self, *, done: int) -> list[bool]:
        """Say /start, and wait until `done` updates are settled; who has written what is seen, whether a bot.

        Not only until the menu is sent: an instance that is killed between the two leaves a send in doubt.
        """
        await self._client.post(f"{self._page}/user/7/send", json={"text": "/start"})
        await eventually(lambda: self.events("DONE") >= done, DEADLINE)
        answer = await self._client.get(f"{self._page}/user/7/messages")
        return [message["from"]["is_bot"] for message in answer.json()["messages"]]

    def events(self, name: str) -> int:
        """How many lines of this event are in the logs of all instances."""
        return self.log().count(f'"event":"{name}"')

    def log(self) -> str:
        """What all instances have logged."""
        return "".join(file.read_text() for file in self._logs.iterdir())


async def test_the_main_job(tmp_path: Path) -> None:
    """A /start gets its menu, whichever instance was killed before, and `svc status` works in another terminal.

    From a folder with the settings of a bot that is in use, and with a HOST that would open it to other machines.
    """
    (tmp_path / ".env").write_text(IN_USE)
    env = environment_of_checkout(HOST="0.0.0.0", LOG_LEVEL="error", PGSSLMODE="require")
    async with (
        running(*python("-P", "-m", "svc", "demo"), env=env, folder=tmp_path) as demo,
        httpx.AsyncClient(trust_env=False, timeout=DEADLINE) as client,
    ):
        await demo.says(UP)
        assert demo.printed.count(" s\n") == 4, "each step and how long it took"
        page = shown(demo, r"Open:\s+(http://127.0.0.1:\d+)/\n")
        assert "<html" in (await client.get(f"{page}/")).text
        logs = Path(shown(demo, r"logs of the instances:\s+(\S+)"))
        assert f"a Postgres in {logs.parent}{', run by nobody' if os.geteuid() == 0 else ''} ... " in demo.printed
        visitor = Visitor(client, page, logs)
        settings = dict(word.split("=", 1) for word in shlex.split(shown(demo, r"export (.*)")))

        assert await visitor.says_start(done=1) == [False, True]
        instances = await visitor.instances()
        assert instances["ACTIVE"]["pid"] == int(shown(demo, r"kill -9 (\d+)"))
        os.kill(instances["PASSIVE"]["pid"], signal.SIGKILL)
        assert await visitor.says_start(done=2) == [False, True] * 2
        await visitor.starts_one()
        os.kill(instances["ACTIVE"]["pid"], signal.SIGKILL)
        assert await visitor.says_start(done=3) == [False, True] * 3

        status = await run(*python("-m", "svc", "status", "--json"), env=environment_of_checkout(**settings))
        assert json.loads(status.stdout)["active"] == "third", status
        check = await run(*python("-m", "svc", "check"), env=environment_of_checkout(**settings))
        assert check.returncode == 0, check.stdout
        assert "no KIE_API_KEY" not in check.stdout, "the instances have one"
        binds = re.findall(r'"bind":"(.*?)"', visitor.log())
        assert len(binds) == 3
        assert all(bind.startswith("http://127.0.0.1:") for bind in binds), "open to other machines"
        demo.process.send_signal(signal.SIGINT)
        assert await demo.exit_code() == 0


async def test_a_fault_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 1: where it was, and what it was on the last line."""

    async def work(_up: Callable[[], None]) -> NoReturn:
        await trio.lowlevel.checkpoint()
        raise KeyError("unforeseen")

    assert await demo._run(None, work) == 1
    printed = capsys.readouterr().err
    assert "in work" in printed
    assert printed.splitlines()[-1] == "svc demo: it broke off, by a fault of its own: KeyError: 'unforeseen'"


def test_a_port_that_another_demo_has() -> None:
    """Any other is taken then; and the wished one where it is free."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert free_or_any(port) != port
    assert free_or_any(port) == port


async def test_a_show_in_the_terminal(tmp_path: Path) -> None:
    """`--headless crash --json`: one JSON object with the verdict, and exit 0."""
    command = python("-P", "-m", "svc", "demo", "--headless", "crash", "--json")
    done = await run(*command, env=environment_of_checkout(), folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["kept"] is True


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--bot", "nothing"), "svc demo: nothing is not package.module:name"),
        (("--bot", "no.such.module:bot"), "svc demo: no.such.module cannot be imported"),
        (("--bot", "here:other"), "svc demo: here:other is not a svc.handler.bot.Bot"),
        (("--headless", "crash", "--bot", "nothing"), "svc demo: nothing is not package.module:name"),
        (("--json",), "svc demo: error: --json goes with --headless"),
        (("--headless", "explode"), "svc demo: error: argument --headless: invalid choice: 'explode'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
async def test_bad_usage_is_said_before_anything_starts(tmp_path: Path, arguments: tuple[str, ...], why: str) -> None:
    """Exit 2, and the last line says why; a module in the working folder is found."""
    (tmp_path / "here.py").write_text("other = 1\n")
    done = await run(*python("-P", "-m", "svc", "demo", *arguments), env=environment_of_checkout(), folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith(why)
