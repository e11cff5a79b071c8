"""Calls of the Bot API, measured by method and by what became of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import trio

from svc.delivery.retry_policy import FLOOD
from svc.observability.metrics.calls import PROBE, BotApiCalls, CallOutcome
from telegram_client.errors import NotSent, Refused, TelegramError
from telegram_client.probes import is_probe
from telegram_client.sender import Sender


class MeteredSender:
    """Calls through `api` and measures each call in `calls`. Implements `telegram_client.sender.Sender`.

    What is cancelled is not measured: nobody knows how it would have ended.
    """

    def __init__(self, api: Sender, calls: BotApiCalls) -> None:
        self._api = api
        self._calls = calls

    async def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        on_sent: Callable[[], None] | None = None,
    ) -> Any:
        """Make the call; raises TelegramError."""
        began = trio.current_time()
        shown = PROBE if is_probe(method, params) else method
        try:
            result = await self._api.call(method, params, timeout=timeout, on_sent=on_sent)
        except TelegramError as error:
            outcome = outcome_of(error)
            self._calls.observe(shown, outcome, trio.current_time() - began)
            if outcome == "flood":
                self._calls.count_flood(error.retry_after or 0.0)
            raise
        self._calls.observe(shown, "ok", trio.current_time() - began)
        return result


def outcome_of(error: TelegramError) -> CallOutcome:
    """What became of a call that ended with `error`."""
    if isinstance(error, Refused):
        return "refused"
    if isinstance(error, NotSent):
        return "flood" if error.status == FLOOD else "not_sent"
    return "in_doubt"
