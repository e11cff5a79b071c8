"""Who the bot is: its id and its name, as getMe tells.

Whatever instance asks getMe tells it here: one that does not lead does so every few seconds, so that after a takeover
it is known. Only a command that names a bot (/start@some_bot) has to wait for it.
"""

from __future__ import annotations

import random
from typing import Any

import structlog
import trio

from svc.handler.known import Me
from svc.observability.errors import describe
from svc.waiting import Backoff
from telegram_client.errors import TelegramError
from telegram_client.get_me import ASK_TIMEOUT, read_me
from telegram_client.sender import Sender

log = structlog.get_logger()

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0


class Identity:
    """What is known of it; `me` is None until getMe has been answered. It outlives the terms."""

    def __init__(self) -> None:
        self.me: Me | None = None
        self._known = trio.Event()

    def told(self, result: Any) -> None:
        """This is what getMe has been answered with."""
        user = read_me(result)
        if user is None or user.username is None:
            return
        self.me = Me(user.id, user.username)
        self._known.set()

    async def known(self, within: float) -> Me | None:
        """Who it is, as soon as that is known; None if it is not within so many seconds."""
        if self.me is None:
            with trio.move_on_after(within):
                await self._known.wait()
        return self.me

    async def ask(self, sender: Sender, rng: random.Random) -> None:
        """Ask, again and again, unless it is known. Raises nothing that a call ends with."""
        backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE, rng)
        while self.me is None:
            try:
                self.told(await sender.call("getMe", timeout=ASK_TIMEOUT))
            except TelegramError as error:
                log.debug("NAME_UNKNOWN", error=describe(error))
            if self.me is None:
                await trio.sleep(backoff.next())
