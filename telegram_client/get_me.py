"""The question whether Telegram knows the bot, for those that may not do anything else.

An instance that does not lead asks it now and then, to know whether it could. What it is given is a function: it can
ask this one question, and nothing that it holds can send.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from telegram_client.client import BotApi
from telegram_client.connections import OpenTransport
from telegram_client.updates import User

ASK_TIMEOUT = 5.0

GetMe = Callable[[], Awaitable[Any]]
"""Asks getMe, within ASK_TIMEOUT seconds, and returns its result (`read_me`); raises TelegramError unless it is
answered well.
"""


def read_me(result: Any) -> User | None:
    """Who the bot is, as getMe's result says; None if it is no user with a name, as a gateway may answer."""
    try:
        user = msgspec.convert(result, User)
    except msgspec.ValidationError:
        return None
    return user if user.username else None


@asynccontextmanager
async def open_get_me(token: str, *, root: str, open_transport: OpenTransport | None = None) -> AsyncIterator[GetMe]:
    """The question, over one connection of its own that is closed at the end of the block.

    Raises ValueError for a proxy that cannot be used.
    """
    async with BotApi(token, root=root, connections=1, timeout=ASK_TIMEOUT, open_transport=open_transport) as api:

        async def get_me() -> Any:
            return await api.call("getMe")

        yield get_me
