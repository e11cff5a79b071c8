"""The object that can send: the Bot API client, bound to one term's lease."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from svc.leadership.lease import Lease, not_over
from telegram_client.errors import InDoubt
from telegram_client.probes import is_probe
from telegram_client.sender import Sender


class LeasedSender:
    """Calls the Bot API for as long as `lease` lasts. Implements `telegram_client.sender.Sender`.

    A request leaves within the lease or not at all. Once it has left, its answer is waited for even if the lease ends:
    what became of it is then known and can be written down. A question (get..., a probe) can be asked again and is cut
    off.
    """

    def __init__(self, api: Sender, lease: Lease) -> None:
        self._api = api
        self._lease = lease

    async def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        on_sent: Callable[[], None] | None = None,
    ) -> Any:
        """Make the call, within a scope of the lease. Cancelled, it was not sent, unless it is a question.

        Raises TelegramError: InDoubt also where the answer is given up.
        """
        await not_over()
        if method.startswith("get") or is_probe(method, params):
            return await self._api.call(method, params, timeout=timeout, on_sent=on_sent)
        with self._lease.asking() as has_left:

            def sent() -> None:
                has_left()
                if on_sent is not None:
                    on_sent()

            return await self._api.call(method, params, timeout=timeout, on_sent=sent)
        raise InDoubt(method, "its answer was given up", chat_id=(params or {}).get("chat_id"), timed_out=True)
