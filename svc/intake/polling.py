"""INTAKE=polling: the ACTIVE instance asks Telegram for updates. For a machine without a public address.

A batch is confirmed, by asking for what comes after it, only once every update of it is committed in the inbox. So
the promise is the webhook's: Telegram forgets nothing that is not stored. What was stored and not yet confirmed (a
restart, a database that went away half-way) comes again, and the inbox knows it.

The offset is sent once, to confirm, and then left out: Telegram keeps what it has not been told to forget, and a
remembered offset would make it forget new updates when ids start anew after a quiet week.
"""

from __future__ import annotations

import json
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog
import trio

from svc.observability.errors import describe
from svc.storage.database import DatabaseRefused, DatabaseUnavailable
from svc.storage.inbox import Received
from svc.waiting import Backoff
from telegram_client.client import BotApi, OpenTransport
from telegram_client.errors import Refused, TelegramError
from telegram_client.sender import Sender
from telegram_client.updates import NotAnUpdate, read_envelope

log = structlog.get_logger()

# Telegram's upper limits, https://core.telegram.org/bots/api#getupdates; 50 s is where its server cuts the timeout.
POLL_SECONDS = 50
POLL_LIMIT = 100
# A connection that died silently is noticed this long after the question.
POLL_DEADLINE = 60.0
CALL_DEADLINE = 10.0
STORE_DEADLINE = 10.0
# Nobody else's capacity is at stake when the database or the network is back: do not sleep through it.
LONGEST_PAUSE = 10.0


def open_poller(token: str, *, root: str, open_transport: OpenTransport | None = None) -> BotApi:
    """A client whose calls may take as long as a long poll, with one connection: a poll takes no worker's turn."""
    return BotApi(token, root=root, connections=1, timeout=POLL_DEADLINE, open_transport=open_transport)


async def poll(
    api: Sender,
    store: Callable[[Received], Awaitable[bool]],
    hints: trio.MemorySendChannel[Received],
    *,
    rng: random.Random,
) -> None:
    """Ask for updates, commit them with `store` and hint the workers, until cancelled. Raises nothing.

    Only one may poll for a bot. A webhook that is set forbids it: it is named in the log and waited out.
    """
    poller = _Poller(api, store, hints)
    log.info("POLLING")
    failures, limit = 0, POLL_LIMIT
    while True:
        try:
            await poller.ask(limit)
            failures, limit = 0, min(POLL_LIMIT, 2 * limit)
            continue
        except Exception as error:
            # Whatever it was: nothing is confirmed, so it is asked for again.
            failures += 1
            # The batch may be too large, or one of its updates what cannot be stored.
            limit = max(1, limit // 2)
            pause = _pause(error, failures, rng)
            if isinstance(error, _Conflict):
                log.warning("POLL_CONFLICT", reason=error.reason, delay=pause)
            else:
                log.warning("POLL_RETRY", error=describe(error), delay=pause, exc_info=not isinstance(error, _FORESEEN))
        await trio.sleep(pause)


def _pause(error: Exception, failures: int, rng: random.Random) -> float:
    pause = Backoff(1.0, 60.0, rng).after(failures)
    if isinstance(error, _Conflict):
        return pause
    asked_for = error.retry_after if isinstance(error, TelegramError) else None
    return max(min(pause, LONGEST_PAUSE), asked_for or 0)


class _Conflict(Exception):
    """Telegram gives this bot's updates to somebody else."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _NotStored(Exception):
    """A batch is not, or not wholly, in the inbox."""


_FORESEEN = (TelegramError, NotAnUpdate, _NotStored)


class _Poller:
    def __init__(
        self,
        api: Sender,
        store: Callable[[Received], Awaitable[bool]],
        hints: trio.MemorySendChannel[Received],
    ) -> None:
        self._api = api
        self._store = store
        self._hints = hints
        self._confirm: int | None = None

    async def ask(self, limit: int) -> None:
        """One question for up to `limit`, which confirms the batch before; what it brings is committed on return."""
        # Without the kinds Telegram goes by what an earlier bot with this token has asked for.
        params: dict[str, Any] = {"timeout": POLL_SECONDS, "limit": limit, "allowed_updates": []}
        if self._confirm is not None:
            params["offset"] = self._confirm
        try:
            batch = await self._api.call("getUpdates", params)
        except Refused as error:
            if error.status != 409:
                raise
            raise _Conflict(await self._explain(error)) from None
        updates = _read_batch(batch)
        await self._commit(updates)
        self._confirm = max(update.update_id for update in updates) + 1 if updates else None

    async def _commit(self, updates: Sequence[Received]) -> None:
        """Store all of them; raises _NotStored if any is not stored.

        The chats side by side, which the inbox makes few commits of; the updates of a chat one after the other, as a
        webhook brings them. Else a younger one could be stored, read back and answered before the one it follows.
        """
        chats: dict[int, list[Received]] = {}
        for update in updates:
            chats.setdefault(update.chat_id, []).append(update)
        is_new: dict[int, bool] = {}
        errors: list[Exception] = []

        async def store(chat: Sequence[Received]) -> None:
            for update in chat:
                try:
                    is_new[update.update_id] = await self._store(update)
                except Exception as error:
                    if not isinstance(error, DatabaseUnavailable | DatabaseRefused):
                        log.exception("NOT_STORED", update_id=update.update_id)
                    errors.append(error)
                    return

        with trio.move_on_after(STORE_DEADLINE):
            async with trio.open_nursery() as nursery:
                for chat in chats.values():
                    nursery.start_soon(store, chat)
        for update in updates:
            if update.update_id in is_new:
                self._hint(update, is_new=is_new[update.update_id])
        missing = len(updates) - len(is_new)
        if missing:
            reason = describe(errors[0]) if errors else "no commit in time"
            raise _NotStored(f"{missing} of {len(updates)} updates are not stored: {reason}")

    def _hint(self, update: Received, *, is_new: bool) -> None:
        if not is_new:
            log.info("DUPLICATE", update_id=update.update_id, chat_id=update.chat_id, type=update.kind)
            return
        log.info("ENQUEUED", update_id=update.update_id, chat_id=update.chat_id, type=update.kind)
        try:
            self._hints.send_nowait(update)
        except (trio.WouldBlock, trio.BrokenResourceError):
            # It is in the inbox, and is read back from there.
            log.debug("BACKLOG", update_id=update.update_id)

    async def _explain(self, conflict: Refused) -> str:
        """What stands in the way, and what to do about it."""
        if "webhook" not in conflict.description.lower():
            return "another process asks for this bot's updates: stop one of the two"
        info = await self._api.call("getWebhookInfo", timeout=CALL_DEADLINE)
        url = info.get("url") if isinstance(info, dict) else None
        if not url:
            return "a webhook was set and is gone again"
        return f"a webhook is set, {url}: remove it with `svc webhook delete`, or set INTAKE=webhook"


def _read_batch(batch: Any) -> list[Received]:
    """The updates of an answer; raises NotAnUpdate if it is not a list of them."""
    if not isinstance(batch, list):
        raise NotAnUpdate("not a list of updates")
    arrived = trio.current_time()
    return [_received(item, arrived) for item in batch]


def _received(item: Any, arrived: float) -> Received:
    # As ASCII, as Telegram itself writes it to a webhook: so a lone surrogate stays what it is.
    payload = json.dumps(item, separators=(",", ":")).encode()
    envelope = read_envelope(payload)
    return Received(envelope.update_id, envelope.chat_id, envelope.kind, payload, arrived)
