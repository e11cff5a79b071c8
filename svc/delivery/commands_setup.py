"""The bot's commands in Telegram's apps, and the button that shows them: set by the ACTIVE instance where they differ.

What is set at Telegram is read first, so that a term in which nothing has changed sets nothing, and nothing about it
has to be remembered. Where it fails it is tried again later; nobody's answer waits for it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
import trio

from svc.observability.errors import describe
from svc.waiting import Backoff
from telegram_client.errors import TelegramError
from telegram_client.sender import Sender

log = structlog.get_logger()

Commands = Mapping[str, Sequence[tuple[str, str]]]
"""(command, description) by language code, "" for all other languages: `Bot.commands`."""

# After a takeover the menus come first.
SET_UP_AFTER = 1.0
FIRST_PAUSE = 5.0
LONGEST_PAUSE = 600.0

MENU_BUTTON = {"type": "commands"}


async def set_up_commands(sender: Sender, commands: Commands, rng: random.Random) -> None:
    """Have Telegram suggest these commands, each language's by itself; returns once that is so. None: changes nothing.

    Raises nothing that a call ends with.
    """
    if not commands:
        return
    await trio.sleep(SET_UP_AFTER)
    backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE, rng)
    while True:
        try:
            await _set_what_differs(sender, commands)
            return
        except TelegramError as error:
            delay = max(backoff.next(), error.retry_after or 0)
            log.warning("COMMANDS_RETRY", error=describe(error), delay=delay)
        await trio.sleep(delay)


async def _set_what_differs(sender: Sender, commands: Commands) -> None:
    for language, each in commands.items():
        wanted = [{"command": name, "description": description} for name, description in each]
        which = {"language_code": language} if language else {}
        if await sender.call("getMyCommands", which) != wanted:
            await sender.call("setMyCommands", {"commands": wanted, **which})
            log.info("COMMANDS_SET", language=language, commands=len(wanted))
    if _type_of(await sender.call("getChatMenuButton")) != MENU_BUTTON["type"]:
        await sender.call("setChatMenuButton", {"menu_button": MENU_BUTTON})
        log.info("MENU_BUTTON_SET")


def _type_of(button: Any) -> Any:
    return button.get("type") if isinstance(button, dict) else None
