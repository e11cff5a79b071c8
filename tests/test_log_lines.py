"""What the lines of the log tell: whom each is about, which lines are about one send, and every step of the states."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
import trio.testing

from statemachine import EDGES, State
from svc.handler.reply import Call, Reply
from svc.observability.events import EVENTS
from svc.observability.logs import console_line
from svc.service import Service
from telegram_client.updates import Update
from tests.fake_provider import Script
from tests.harness import RunningBot, running_bot
from tests.jobs_world import JobsWorld

ROOT = Path(__file__).parent.parent
USER, OTHER = 7, 8
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
# Of those that say something of updates and jobs, these are about all of them, or about a message.
ABOUT_NO_ONE = {"BOT_PAUSED", "BOT_RESUMED", "SENDING_PAUSED", "SENDING_RESUMED", "PROBE_EDITED", "IDS_NOT_GROWING"}
# Here the logger itself knows what it is about.
BOUND = {"sending.py"}


# Whom a line is about


def _without_ids() -> list[str]:
    """The log calls about an update or a job that do not say about which."""
    sources = {"WORKER", "START", "LOOKS", "PASSIVE", "JOBS"}
    about_one = {name for name, look in EVENTS.items() if look.source in sources} - ABOUT_NO_ONE
    return [
        f"{path.name}:{node.lineno}"
        for path in sorted((ROOT / "svc").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LEVELS
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and node.args[0].value in about_one
        and path.name not in BOUND
        and not any(keyword.arg in {"update_id", "job_id"} or _is_ids(keyword) for keyword in node.keywords)
    ]


def _is_ids(keyword: ast.keyword) -> bool:
    return keyword.arg is None and "ids" in ast.unparse(keyword.value)


def test_a_line_about_an_update_or_a_job_says_which() -> None:
    """Every log call of such an event has an id."""
    assert _without_ids() == []


def lines_of(bot: RunningBot, update_id: int, *events: str) -> list[dict[str, Any]]:
    return [line for line in bot.logs.lines if line.get("update_id") == update_id and line["event"] in events]


async def _warm(bot: RunningBot) -> None:
    """Somebody else has been answered: a message of our own is known, and what is in doubt can be looked for."""
    await bot.send(OTHER)
    await bot.settled()


async def test_the_lines_about_one_send(autojump_clock: trio.testing.MockClock) -> None:
    """From the call that failed over the looks for its message to the next one: `call` tells them apart."""
    async with running_bot() as bot:
        await _warm(bot)
        bot.sandbox.faults.order("cut_before", method="sendMessage")
        update_id = await bot.send(USER)
        await bot.settled()
        story = lines_of(
            bot, update_id, "ACTIVE_PROCESS_START", "UNCLEAR", "LOOKED", "NOT_FOUND", "MAIN_MENU_SENT", "DONE"
        )
        assert [(line["event"], line["call"]) for line in story] == [
            ("ACTIVE_PROCESS_START", 1),
            ("UNCLEAR", 1),
            ("LOOKED", 1),
            ("NOT_FOUND", 1),
            ("ACTIVE_PROCESS_START", 2),
            ("MAIN_MENU_SENT", 2),
            ("DONE", 2),
        ]
        assert story[1]["method"] == "sendMessage"


async def test_a_send_that_is_found_by_another_instance(autojump_clock: trio.testing.MockClock) -> None:
    """The number of the attempt stands in the database: the lines of two instances can be joined by it."""
    async with running_bot() as bot:
        await _warm(bot)
        bot.sandbox.faults.order("cut_after", method="sendMessage")
        update_id = await bot.send(USER)
        while not lines_of(bot, update_id, "UNCLEAR"):
            await trio.sleep(0.01)
        bot.lock.sessions[-1].abandon()
        await bot.settled()
        unclear, found = lines_of(bot, update_id, "UNCLEAR", "FOUND")
        assert (unclear["call"], found["call"]) == (1, 1)
        assert unclear["epoch"] < found["epoch"]


async def test_a_call_that_is_made_again_at_once(autojump_clock: trio.testing.MockClock) -> None:
    """What can be repeated is tried again within the attempt: each try is said, with its method and attempt."""

    def decide(_: Update) -> Reply:
        return Reply((Call("sendChatAction", {"chat_id": USER, "action": "typing"}),))

    async with running_bot(decide=decide) as bot:
        bot.sandbox.faults.order("error", method="sendChatAction", count=6)
        update_id = await bot.send(USER)
        await bot.settled()
        again = lines_of(bot, update_id, "CALL_AGAIN", "RETRY")
        assert [(line["event"], line["call"], line["method"]) for line in again] == [
            *[("CALL_AGAIN", 1, "sendChatAction")] * 3,
            ("RETRY", 1, "sendChatAction"),
            *[("CALL_AGAIN", 2, "sendChatAction")] * 2,
        ]


@pytest.mark.parametrize(
    ("status", "event"), [(400, "DEAD"), (403, "REFUSED")], ids=["the bot's fault", "the person's will"]
)
async def test_a_call_that_is_refused(status: int, event: str, autojump_clock: trio.testing.MockClock) -> None:
    """Its line has its method and attempt."""

    def decide(_: Update) -> Reply:
        return Reply((Call("sendMessage", {"chat_id": USER, "text": "hello"}),))

    async with running_bot(decide=decide) as bot:
        bot.sandbox.faults.order("error", method="sendMessage", status=status)
        update_id = await bot.send(USER)
        await bot.settled()
        (line,) = lines_of(bot, update_id, event)
        assert (line["method"], line["call"]) == ("sendMessage", 1)


async def test_the_lines_about_one_create(autojump_clock: trio.testing.MockClock) -> None:
    """A create in doubt and what identifies it have the job, the provider, its method and the same `call`; what is sent
    of the job's end has its id too.
    """
    world = JobsWorld()
    world.provider.usual = Script(cut=True, takes=20.0, callbacks=(20.0,))
    async with world.running() as bot:
        await bot.send(USER, "a cat")
        await world.ended()
        await bot.settled()
        job_id = world.job.job.job_id
        (doubt,), (known,) = bot.logs.of("JOB_IN_DOUBT"), bot.logs.of("JOB_IDENTIFIED")
        for line, method in ((doubt, "create"), (known, "task")):
            told = (line["job_id"], line["provider"], line["method"], line["call"])
            assert told == (job_id, "kie", method, 1)
        (told_of,) = (line for line in bot.logs.of("DONE") if line["update_id"] < 0)
        assert told_of["job_id"] == job_id


# The steps of the states


async def test_every_step_of_the_states(autojump_clock: trio.testing.MockClock) -> None:
    """Each edge of the table by a real transition: its line says from, to, trigger, reason, epoch and how long the
    state held, in JSON and on a terminal.
    """
    lines: list[dict[str, Any]] = []
    async with running_bot() as bot:
        bot.lock.sessions[-1].abandon()
        await bot.state(State.PASSIVE)
        await bot.state(State.ACTIVE)
        await bot.drain()
        lines += bot.logs.of("STATE")
    async with running_bot(passive=True) as bot:
        # One that is told to end before it has come up.
        Service(bot.service._parts).lifecycle.drain("SIGTERM")
        await bot.drain()
        lines += bot.logs.of("STATE")
    edges = {(source.name, edge.target.name, edge.trigger) for edge in EDGES for source in edge.sources}
    assert {(line["from"], line["to"], line["trigger"]) for line in lines} == edges
    for line in lines:
        assert line["reason"]
        assert line["held"] >= 0
        led = line["trigger"] == "lock_acquired" or line["from"] == "ACTIVE"
        assert line["epoch"] is None or line["epoch"] >= 1
        assert not led or line["epoch"] >= 1
        shown = console_line(None, "info", dict(line))
        for name in ("from", "to", "trigger", "reason", "held"):
            assert f" {name}=" in shown
        assert (f" epoch={line['epoch']}" in shown) is (line["epoch"] is not None)
