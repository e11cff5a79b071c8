"""The commands that act, and `svc status --watch`, as real processes over real instances and a real Postgres."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
import trio

from fleet.instances import running_fleet
from fleet.tcp_proxy import TcpProxy
from fleet.waiting import eventually
from sandbox.telegram import DEMO_TOKEN
from tests.commands_in_turn import CommandsInTurn, commands_in_turn
from tests.processes import DEADLINE, RunningProcess, environment_of_checkout, python, run, running

pytestmark = pytest.mark.processes


def environment(database_url: str, **more: str) -> dict[str, str]:
    """Of a command of an operator called anna, with no Telegram that answers."""
    settings = {"BOT_TOKEN": DEMO_TOKEN, "DATABASE_URL": database_url, "TELEGRAM_API_ROOT": "http://127.0.0.1:1"}
    return environment_of_checkout(SVC_OPERATOR="anna", **settings, **more)


async def svc(folder: Path, database_url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return await run(*python("-m", "svc", *arguments), env=environment(database_url), folder=folder)


async def test_operators_pause_resume_and_hand_over(tmp_path: Path, empty_database_url: str) -> None:
    """Two instances: nothing is sent while sending is paused, all of it once that is resumed; then the other leads."""
    async with (
        running_fleet(empty_database_url) as fleet,
        commands_in_turn(environment(empty_database_url), tmp_path) as commands,
    ):
        one = await fleet.start_active(INSTANCE_ID="one")
        await fleet.start(INSTANCE_ID="two")
        await both_known(commands)

        paused = await commands.run("pause", "--reason", "the database moves")
        assert paused.stdout == "sending is paused; one has stopped, and updates are stored until svc resume\n"
        fleet.says(1)
        await one.event("ENQUEUED")
        status = (await commands.run("status")).stdout
        assert re.search(r"^PAUSED    nothing is sent since .*the database moves$", status, re.MULTILINE)
        assert re.search(r"^pauses    all sending, by anna, .* ago: the database moves$", status, re.MULTILINE)
        assert fleet.menus()[1] == 0

        resumed = await commands.run("resume")
        assert resumed.stdout == "sending is resumed; one sends again\n"
        await eventually(lambda: fleet.menus()[1] == 1)

        handed = await commands.run("step-down", "--json", "--as", "boris")
        assert handed.returncode == 0, handed.stderr
        found = json.loads(handed.stdout)
        assert (found["former"], found["successor"]) == ("one", "two")
        actions = (await commands.run("actions", "--json")).stdout
        assert [(row["operator"], row["action"]) for row in json.loads(actions)] == [
            ("boris", "step_down"),
            ("anna", "resume"),
            ("anna", "pause"),
        ]


async def both_known(commands: CommandsInTurn) -> None:
    """Wait until both have said that they live."""
    states: list[str] = []
    with trio.fail_after(DEADLINE):
        while sorted(states) != ["ACTIVE", "PASSIVE"]:
            found = json.loads((await commands.run("status", "--json")).stdout)
            states = [each["state"] for each in found["instances"]]


async def test_an_order_that_nobody_obeys_is_exit_1(tmp_path: Path, database_url: str) -> None:
    """It stands all the same; one that needs nobody to be ACTIVE is done at once; what makes no sense is said."""
    async with commands_in_turn(environment(database_url), tmp_path) as commands:
        for arguments, code, said in (
            (("pause",), 1, "svc: sending is to be paused, but no ACTIVE instance has said that it stopped"),
            (("resume",), 1, "svc: sending is no longer paused, but no ACTIVE instance has said that it goes on"),
            (("resume",), 1, "svc: sending was not paused by an operator"),
            (("step-down",), 1, "svc: no instance is ACTIVE"),
            (("pause", "--provider", "kie", "--reason", "x"), 0, "creating with provider kie is paused"),
            (("resume", "--provider", "kie"), 0, "creating with provider kie is resumed"),
            (("pause", "--provider", "kie", "--model", "z"), 2, "usage: svc pause"),
        ):
            done = await commands.run(*arguments)
            assert (done.returncode, (done.stdout + done.stderr)[: len(said)]) == (code, said)


async def test_what_an_encoding_does_not_have_is_escaped(tmp_path: Path, database_url: str) -> None:
    """A machine that is set up for ASCII shows a reason in Russian all the same, and no traceback."""
    await svc(tmp_path, database_url, "pause", "--model", "z", "--reason", "да")
    env = environment(database_url) | {"PYTHONIOENCODING": "ascii"}
    done = await run(*python("-m", "svc", "status"), env=env, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^pauses    model z, by anna, .* ago: \\u0434\\u0430$", done.stdout, re.MULTILINE)


async def test_the_watch_survives_a_database_that_is_away(
    tmp_path: Path, database_url: str, nursery: trio.Nursery
) -> None:
    """It says so with what was known last, and goes on; Ctrl-C is its end, and no failure."""
    parts = urlsplit(database_url)
    proxy = TcpProxy(parts.port or 0)
    await nursery.start(proxy.run)
    there = urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{proxy.port}"))
    command = python("-m", "svc", "status", "--watch", "0.5")
    async with running(*command, env=environment(there), folder=tmp_path) as watch:
        await watch.says("ACTIVE    none (last: never any)\n")
        proxy.refuse()
        await watch.says("the database does not answer: ")
        seen = len(watch.printed)
        proxy.heal()
        await says_later(watch, seen, r"until Ctrl-C\nACTIVE    none")
        watch.process.send_signal(signal.SIGINT)
        assert await watch.exit_code() == 0
    assert "Traceback" not in watch.printed
    nursery.cancel_scope.cancel()


async def says_later(process: RunningProcess, after: int, pattern: str) -> None:
    with trio.fail_after(DEADLINE):
        while not re.search(pattern, process.printed[after:]):
            await trio.sleep(0.05)


# On a terminal


class Terminal:
    """A pseudo-terminal of 100 columns with a command on it; `shown` is what was written there."""

    def __init__(self, leader: int) -> None:
        self._leader = leader
        self.shown = ""

    async def shows(self, words: str) -> None:
        """Wait until the words have been written."""
        with trio.fail_after(DEADLINE):
            while words not in self.shown:
                await self.read()

    async def read(self) -> bool:
        """Read what comes next; False at the end."""
        await trio.lowlevel.wait_readable(self._leader)
        try:
            chunk = os.read(self._leader, 65_536)
        except OSError:  # how Linux says that nobody has it open any more
            return False
        self.shown += chunk.decode()
        return bool(chunk)

    async def types(self, text: str) -> None:
        """As at a keyboard: ^C is Ctrl-C."""
        os.write(self._leader, text.encode())


@asynccontextmanager
async def at_a_terminal(
    folder: Path, database_url: str, *arguments: str, **env: str
) -> AsyncIterator[tuple[Terminal, trio.Process]]:
    """`svc` with a controlling terminal of its own."""
    leader, follower = os.openpty()
    try:
        process = await trio.lowlevel.open_process(
            python("-c", "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); from svc.__main__ import *")
            + list(arguments),
            env=environment(database_url, COLUMNS="100", TERM="xterm", **env),
            cwd=folder,
            stdin=follower,
            stdout=follower,
            stderr=follower,
            start_new_session=True,
        )
        os.close(follower)
        try:
            yield Terminal(leader), process
        finally:
            with trio.move_on_after(DEADLINE, shield=True):
                if process.poll() is None:
                    process.terminate()
                await process.wait()
    finally:
        os.close(leader)


async def ended(terminal: Terminal, process: trio.Process) -> int:
    """The exit code, once all was read."""
    with trio.fail_after(DEADLINE):
        while await terminal.read():
            pass
        return await process.wait()


async def test_a_terminal_has_colours_unless_they_are_not_wanted(tmp_path: Path, database_url: str) -> None:
    """By NO_COLOR, whatever its value; the words stay."""
    for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        async with at_a_terminal(tmp_path, database_url, "status", **env) as (terminal, process):
            assert await ended(terminal, process) == 0
        assert ("\x1b[1;31mnone" in terminal.shown) is coloured
        assert "none (last: never any)" in re.sub(r"\x1b\[[\d;]*m", "", terminal.shown)


async def test_the_watch_is_redrawn_in_place(tmp_path: Path, database_url: str) -> None:
    """The cursor goes up instead of down the screen; Ctrl-C leaves the last status there, and is exit 0."""
    async with at_a_terminal(tmp_path, database_url, "status", "--watch", "0.5") as (terminal, process):
        await terminal.shows("\x1b[1A")
        await terminal.types("\x03")
        assert await ended(terminal, process) == 0
    assert "webhook" in terminal.shown.rpartition("until Ctrl-C")[2]
    assert "Traceback" not in terminal.shown


async def test_a_discard_asks_at_a_terminal(tmp_path: Path, database_url: str) -> None:
    """And elsewhere, where nobody can be asked, it wants --yes."""
    async with at_a_terminal(tmp_path, database_url, "updates", "discard", "--all") as (terminal, process):
        assert await ended(terminal, process) == 0  # nothing is dead, so there is nothing to ask
    assert "0 of 0 dead updates discarded" in re.sub(r"\x1b\[[\d;]*m", "", terminal.shown)
    done = await svc(tmp_path, database_url, "updates", "discard", "--all")
    assert done.returncode == 2
    assert done.stderr.endswith("nobody can be asked here: say --yes to discard them, or --dry-run to see how many\n")
