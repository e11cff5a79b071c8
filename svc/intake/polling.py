"""INTAKE=polling: the ACTIVE instance asks Telegram for updates. For a machine without a public address.

A batch is confirmed, by asking for what comes after it, only once every update of it is committed in the inbox. So
polling promises what the webhook does: Telegram forgets nothing that is not stored. What was stored but not confirmed,
because of a restart or of a database that went away half-way, comes again, and the inbox knows it as a duplicate.

The offset is sent once, to confirm, and then left out. Telegram keeps what it has not been told to forget. An offset
that is sent for ever would make it forget new updates once ids start anew, which they do after a week without any.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

import structlog
import trio

from svc.intake.accept import Intake
from svc.observability.errors import describe
from svc.storage.database import DatabaseUnavailable
from svc.storage.inbox import NO_CHAT, Received
from svc.waiting import Backoff
from telegram_client.client import BotApi, OpenTransport
from telegram_client.errors import Refused, TelegramError
from telegram_client.sender import Sender
from telegram_client.updates import NotAnUpdate, read_envelope

log = structlog.get_logger()

# Telegram's upper limits, https://core.telegram.org/bots/api#getupdates; 50 s is where its server cuts the timeout.
POLL_SECONDS = 50
POLL_LIMIT = 100
# How long after a poll has begun a connection that died silently is noticed.
POLL_DEADLINE = 60.0
# An answer without updates that comes sooner has not been waited for: some gateways do not hold a request open.
LEAST_WAIT = 1.0
CALL_DEADLINE = 10.0
STORE_DEADLINE = 10.0
FIRST_PAUSE = 1.0
# After an outage of the network or the database go on soon: only this one poller comes back, so no crowd forms.
LONGEST_PAUSE = 10.0
# Another poller, or a webhook that is set, stays until somebody does something about it.
LONGEST_PAUSE_IN_CONFLICT = 60.0


def open_poller(token: str, *, root: str, open_transport: OpenTransport | None = None) -> BotApi:
    """A client for polling only, so that a long poll does not occupy a connection that workers send over."""
    return BotApi(token, root=root, connections=1, timeout=POLL_DEADLINE, open_transport=open_transport)


async def poll(api: Sender, intake: Intake, *, kinds: Sequence[str] = (), rng: random.Random) -> None:
    """Ask for updates and give them to `intake`, until cancelled. Raises nothing.

    `kinds` are those to ask for (telegram_client/update_kinds.py); none: the default ones.

    Only one process may poll for a bot, and none while a webhook is set. Either is named in the log and waited out.
    """
    poller = _Poller(api, intake, kinds)
    backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE_IN_CONFLICT, rng)
    log.info("POLLING")
    limit = POLL_LIMIT
    while True:
        try:
            await poller.ask(limit)
            limit = min(POLL_LIMIT, 2 * limit)
            backoff.reset()
            continue
        except Exception as error:
            # Whatever went wrong, nothing is confirmed and the same updates can be asked for again. Fewer of them: the
            # batch may be too large, or one of its updates may be what cannot be stored.
            limit = limit if isinstance(error, _EmptyAtOnce) else max(1, limit // 2)
            pause = _pause(error, backoff.next())
            _log_failure(error, pause)
        await trio.sleep(pause)


def _pause(error: Exception, backoff: float) -> float:
    if isinstance(error, _Conflict):
        return backoff
    retry_after = error.retry_after if isinstance(error, TelegramError) else None
    return max(min(backoff, LONGEST_PAUSE), retry_after or 0)


def _log_failure(error: Exception, pause: float) -> None:
    if isinstance(error, _Conflict):
        log.warning("POLL_CONFLICT", reason=error.reason, delay=pause)
    else:
        foreseen = isinstance(error, TelegramError | NotAnUpdate | _NotStored | _EmptyAtOnce)
        log.warning("POLL_RETRY", error=describe(error), delay=pause, exc_info=not foreseen)


class _Conflict(Exception):
    """Telegram gives this bot's updates to another poller or to a webhook."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _EmptyAtOnce(Exception):
    """The answer brought nothing, and did not wait for anything either."""


class _NotStored(Exception):
    """Not all of a batch is in the inbox."""


class _Poller:
    def __init__(self, api: Sender, intake: Intake, kinds: Sequence[str]) -> None:
        self._api = api
        self._intake = intake
        self._kinds = list(kinds)
        self._offset: int | None = None

    async def ask(self, limit: int) -> None:
        """Ask for up to `limit` updates, which confirms the batch before; on return those it brought are committed.

        Raises _EmptyAtOnce for an answer that should not be followed by the next question at once.
        """
        # An empty list means the default kinds. Left out, it means those that an earlier bot with this token asked for.
        params: dict[str, Any] = {"timeout": POLL_SECONDS, "limit": limit, "allowed_updates": self._kinds}
        if self._offset is not None:
            params["offset"] = self._offset
        asked = trio.current_time()
        try:
            batch = await self._api.call("getUpdates", params)
        except Refused as error:
            if error.status != 409:
                raise
            raise _Conflict(await self._explain(error)) from None
        updates = _read_batch(batch)
        await self._accept(updates)
        self._offset = max(update.update_id for update in updates) + 1 if updates else None
        if not updates and trio.current_time() - asked < LEAST_WAIT:
            raise _EmptyAtOnce(f"no updates, after less than {LEAST_WAIT:.0f} s instead of {POLL_SECONDS}")

    async def _accept(self, updates: Sequence[Received]) -> None:
        """Take all of them in; raises _NotStored if any is not committed.

        The chats go side by side, which makes few commits of many updates. The updates of one chat go one after the
        other, as a webhook would bring them: else a younger one could be stored and answered before an older one. An
        update without a chat shares its order with none.
        """
        chats: dict[tuple[int, int], list[Received]] = {}
        for update in updates:
            alone = update.update_id if update.chat_id == NO_CHAT else 0
            chats.setdefault((update.chat_id, alone), []).append(update)
        stored = 0
        errors: list[Exception] = []

        async def accept(chat: Sequence[Received]) -> None:
            nonlocal stored
            for update in chat:
                try:
                    await self._intake.accept(update)
                except Exception as error:
                    if not isinstance(error, DatabaseUnavailable):
                        log.exception("NOT_STORED", update_id=update.update_id)
                    errors.append(error)
                    return
                stored += 1

        with trio.move_on_after(STORE_DEADLINE):
            async with trio.open_nursery() as nursery:
                for chat in chats.values():
                    nursery.start_soon(accept, chat)
        for _ in range(len(updates) - stored):
            self._intake.count("not_stored")
        if stored < len(updates):
            reason = describe(errors[0]) if errors else "no commit in time"
            raise _NotStored(f"{len(updates) - stored} of {len(updates)} updates are not stored: {reason}")

    async def _explain(self, conflict: Refused) -> str:
        """Who else is given the updates, and what to do about it."""
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
    # In ASCII, as Telegram itself writes to a webhook: a lone surrogate, which UTF-8 has no bytes for, stays escaped.
    payload = json.dumps(item, separators=(",", ":")).encode()
    envelope = read_envelope(payload)
    return Received(
        envelope.update_id, envelope.chat_id, envelope.kind, payload, arrived, message_id=envelope.message_id
    )
