"""Calls that wait for flood control, and when each of them left."""

from __future__ import annotations

from dataclasses import dataclass

import trio
import trio.testing

from telegram_client.flood import FloodControl, Turn
from telegram_client.limits import ChatId


@dataclass
class Departures:
    """Calls that wait for their turn; in `left`, when each has left: (time, chat, number of the call)."""

    control: FloodControl

    def __post_init__(self) -> None:
        self.left: list[tuple[float, ChatId, int]] = []

    async def call(self, chat_id: ChatId, number: int) -> None:
        assert await self.control.acquire(chat_id) == Turn(chat_id)
        self.left.append((trio.current_time(), chat_id, number))

    def times(self, chat_id: ChatId) -> list[float]:
        return [time for time, chat, _ in self.left if chat == chat_id]
