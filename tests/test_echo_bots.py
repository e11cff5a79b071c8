"""Bots of other frameworks at the stand-in for Telegram: unchanged but for the address of the Bot API.

`make echo-bots` installs the frameworks, each in a place of its own; where that cannot be done, it is not tested.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
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
USER = 7
Message = dict[str, Any]


class Ann:
    """Somebody who talks to the bot, by way of the sandbox's HTTP."""

    def __init__(self, sandbox: httpx.AsyncClient, bot: RunningProcess) -> None:
        self.sandbox = sandbox
        self.bot = bot

    async def does(self, what: str, content: bytes | None = None, **wanted: Any) -> None:
        """One of the user's actions: with `content` as its body, or with an object of what is `wanted`."""
        url = f"/user/{USER}/{what}"
        answer = await (self.sandbox.post(url, json=wanted) if content is None else self.sandbox.post(url, content=content))
        assert answer.status_code == 200, answer.text

    async def seen(self) -> dict[str, Any]:
        """The chat as it is now."""
        seen: dict[str, Any] = (await self.sandbox.get(f"/user/{USER}/messages")).json()
        return seen

    async def is_answered(self) -> tuple[Message, Message]:
        """Wait until the bot has the last word: what was said before, and that."""
        with trio.move_on_after(DEADLINE):
            while True:
                messages = (await self.seen())["messages"]
                if messages[-1]["from"]["is_bot"]:
                    return messages[-2], messages[-1]
                await trio.sleep(0.05)
        pytest.fail(f"no answer; the bot has printed:\n{self.bot.printed}")

    async def sees(self, message_id: int, text: str) -> None:
        """Wait until this message reads so."""
        with trio.fail_after(DEADLINE):
            while {"message_id": message_id, "text": text}.items() <= ...:
                await trio.sleep(0.05)
