"""Bots of other frameworks at the stand-in for Telegram: unchanged but for the address of the Bot API.

`make echo-bots` installs the frameworks, each in a place of its own; where that cannot be done, it is not tested.
"""

from __future__ import annotations

import re
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from sandbox.ports import free_port
from sandbox.telegram import DEMO_TOKEN
from tests.processes import DEADLINE, RunningProcess, environment, environment_of_checkout, python, running

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parent.parent
BOTS = ROOT / "tests" / "echo_bots"
VENV = ROOT / ".venv-echo"
PYTHON = VENV / "bin" / "python"
COMMANDS: dict[str, tuple[str | Path, ...]] = {
    "aiogram": (PYTHON, BOTS / "aiogram_bot.py"),
    "python-telegram-bot": (PYTHON, BOTS / "ptb_bot.py"),
    "grammY": ("node", BOTS / "grammy_bot.mjs"),
}
STAMPS = {
    "aiogram": VENV / ".installed",
    "python-telegram-bot": VENV / ".installed",
    "grammY": BOTS / "node_modules" / ".installed",
}
FRAMEWORKS = [
    pytest.param(name, marks=pytest.mark.skipif(not stamp.exists(), reason=f"{name} is not installed: make echo-bots"))
    for name, stamp in STAMPS.items()
]
USER = 7
DOCUMENT = b"\r\n--\x00\xff\r\n"
Message = dict[str, Any]
Seen = dict[str, Any]


class Ann:
    """Somebody who talks to the bot, by way of the sandbox's HTTP."""

    def __init__(self, sandbox: httpx.AsyncClient, bot: RunningProcess) -> None:
        self.sandbox = sandbox
        self.bot = bot

    async def does(self, what: str, content: bytes | None = None, **wanted: Any) -> None:
        """One of the user's actions: `content` is its body, or an object of what is `wanted`."""
        body: dict[str, Any] = {"json": wanted} if content is None else {"content": content}
        answer = await self.sandbox.post(f"/user/{USER}/{what}", **body)
        assert answer.status_code == 200, answer.text

    async def is_answered(self) -> tuple[Message, Message]:
        """Wait until the bot has the last word: what was said before, and that."""
        seen = await self.sees(lambda seen: seen["messages"][-1]["from"]["is_bot"])
        said, answer = seen["messages"][-2:]
        return said, answer

    async def sees(self, enough: Callable[[Seen], bool]) -> Seen:
        """Wait until the chat shows it."""
        with trio.move_on_after(DEADLINE):
            while True:
                seen: Seen = (await self.sandbox.get(f"/user/{USER}/messages")).json()
                if enough(seen):
                    return seen
                await trio.sleep(0.05)
        pytest.fail(f"no answer; the bot has printed:\n{self.bot.printed}")


@asynccontextmanager
async def talking(command: Sequence[str | Path], way: str) -> AsyncIterator[Ann]:
    """A sandbox and a bot, two processes, and somebody who has said nothing yet."""
    async with running(*python("-m", "sandbox", "--port", "0"), env=environment_of_checkout()) as sandbox:
        await sandbox.says("\n")
        (url,) = re.findall(r"http://[0-9.:]+", sandbox.printed)
        settings = {"BOT_TOKEN": DEMO_TOKEN, "API_ROOT": url}
        if way == "webhook":
            settings["WEBHOOK_URL"] = f"http://127.0.0.1:{free_port()}/updates"
        async with (
            running(*command, env=environment(**settings)) as bot,
            httpx.AsyncClient(base_url=url, trust_env=False, timeout=DEADLINE) as client,
        ):
            yield Ann(client, bot)


@pytest.mark.parametrize("way", ["polling", "webhook"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_a_bot_of_another_framework_works(framework: str, way: str) -> None:
    """It reads what a person does, answers, edits, and ends with nothing left over and no complaint."""
    async with talking(COMMANDS[framework], way) as ann:
        await sends_back_what_was_said(ann)
        await sees_that_a_button_was_pressed(ann)
        await gets_over_being_blocked(ann)
        polls = (await ann.sandbox.get("/calls", params={"method": "getUpdates"})).json()["calls"]
        assert bool(polls) == (way == "polling")
        ann.bot.process.send_signal(signal.SIGTERM)
        assert await ann.bot.exit_code() == 0
        webhook = (await ann.sandbox.get(f"/bot{DEMO_TOKEN}/getWebhookInfo")).json()["result"]
        assert webhook["pending_update_count"] == 0
    assert not re.search("error|exception|traceback", ann.bot.printed, re.IGNORECASE), ann.bot.printed


async def sends_back_what_was_said(ann: Ann) -> None:
    """A text as it was written, a photo by its file_id, a document as a new file."""
    await ann.does("send", text="Привет 😀, is there /help at https://example.org?")
    said, answer = await ann.is_answered()
    assert (answer["text"], answer["entities"]) == (said["text"], said["entities"])
    await ann.does("file?kind=photo&caption=A%20cat", b"")
    said, answer = await ann.is_answered()
    assert (answer["photo"], answer["caption"]) == (said["photo"], "A cat")
    await ann.does("file?kind=document&name=%D0%BA%D0%BE%D1%82.txt", DOCUMENT)
    said, answer = await ann.is_answered()
    assert answer["document"]["file_id"] != said["document"]["file_id"]
    assert answer["document"]["file_name"] == "кот.txt"
    assert (await ann.sandbox.get(f"/media/{answer['document']['file_id']}")).content == DOCUMENT


async def sees_that_a_button_was_pressed(ann: Ann) -> None:
    """The spinner ends, and the message changes."""
    await ann.does("send", text="/start")
    _, menu = await ann.is_answered()
    ((button,),) = menu["reply_markup"]["inline_keyboard"]
    await ann.does("press", message_id=menu["message_id"], data=button["callback_data"])
    seen = await ann.sees(lambda seen: seen["messages"][-1].get("text") == "Pressed.")
    assert seen["messages"][-1]["message_id"] == menu["message_id"]
    assert "reply_markup" not in seen["messages"][-1]
    assert [(press["answered"], press["text"]) for press in seen["presses"]] == [(True, "Thank you")]


async def gets_over_being_blocked(ann: Ann) -> None:
    """It is told of both, where it wants to know."""
    await ann.does("block")
    await ann.does("unblock")
    await ann.does("send", text="still there?")
    assert (await ann.is_answered())[1]["text"] == "still there?"
