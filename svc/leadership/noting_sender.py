"""The one place where it is noticed whether calls get through to the Bot API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from svc.leadership.reach import Reach
from telegram_client.sender import Sender


class NotingSender:
    """Calls the Bot API and notes in `reach` how each call ended. Implements `telegram_client.sender.Sender`."""

    def __init__(self, api: Sender, reach: Reach) -> None:
        self._api = api
        self._reach = reach

    async def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        on_sent: Callable[[], None] | None = None,
    ) -> Any:
        """Make the call; raises TelegramError."""
        with self._reach.noting():
            return await self._api.call(method, params, timeout=timeout, on_sent=on_sent)
