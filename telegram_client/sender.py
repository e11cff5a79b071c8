"""The client as its callers see it: something whose `call` makes one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol


class Sender(Protocol):
    """Anything that can call the Bot API: the client, or what stands in for it in a test."""

    async def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        on_sent: Callable[[], None] | None = None,
    ) -> Any:
        """Call a Bot API method, within `timeout` seconds if given; raises TelegramError.

        `on_sent` is called at the moment from which on the whole request has left.
        """
