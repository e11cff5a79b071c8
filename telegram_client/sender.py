"""What whoever makes calls needs to know of the client: that it can be called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Sender(Protocol):
    """What can send: only an ACTIVE period has one."""

    async def call(self, method: str, params: Mapping[str, Any] | None = None, *, timeout: float | None = None) -> Any:
        """Call a Bot API method, within `timeout` seconds if given; raises TelegramError."""
