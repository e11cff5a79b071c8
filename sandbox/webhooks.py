"""The webhook sender: pending updates go to the bot's URL as Telegram sends them.

Updates of one queue (see `queues`) are sent one after another: the next only after a 2xx for the one before, or after
its expiry. Queues run side by side over at most `max_connections` connections. Behaviour and numbers are those of
WebhookActor.cpp in tdlib/telegram-bot-api. Two things of the original are left out: a webhook that answers 410 for
23 hours is not removed, and an answer's body is never executed as a method call.

How a request is carried is the caller's choice (`Post`): sockets, or a call into an ASGI app under a mocked clock.
"""

from __future__ import annotations

import math
import random
import re
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

import trio

from sandbox.redelivery import RedeliverySchedule
from sandbox.state import BotState, PendingUpdate, WebhookSettings
from sandbox.telegram import Telegram

ANSWER_TIMEOUT = 60.0
QUIET = 10.0
"""Seconds without a success after which one connection has to do."""
RAMP_STEP, RAMP_PAUSE = 10, 0.5


@dataclass(frozen=True, slots=True)
class PostResult:
    """What came back from a webhook."""

    status: int
    headers: Sequence[tuple[str, str]] = ()

    @property
    def retry_after(self) -> int:
        """The whole seconds of the Retry-After header; 0 for none, or for one that is not a number of 1 to 9 digits."""
        for name, value in self.headers:
            if name.lower() == "retry-after" and re.fullmatch(r"\s*[0-9]{1,9}\s*", value):
                return int(value)
        return 0


Post = Callable[[str, list[tuple[str, str]], bytes], Awaitable[PostResult]]
"""`await post(url, headers, body)`; raises OSError if the connection fails. It may be cancelled at any time."""


class WebhookSender:
    """Delivers the updates of every bot that has a webhook. `rng` draws the pauses after many failures."""

    def __init__(self, telegram: Telegram, rng: random.Random, *, duplicate_rate: float = 0.0) -> None:
        self._telegram = telegram
        self._rng = rng
        self._duplicate_rate = duplicate_rate
        self._answers_to_lose = 0

    def lose_answers(self, count: int = 1) -> None:
        """Treat the next `count` successful answers as lost on the way: their updates come again at once."""
        self._answers_to_lose += count

    def keep_answers(self) -> None:
        """Lose no more of those that were to be lost."""
        self._answers_to_lose = 0

    async def run(self, post: Post, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Deliver until cancelled. What is in flight then may have arrived, and would be sent again by a next run."""
        async with trio.open_nursery() as nursery:
            for bot in self._telegram.bots.values():
                nursery.start_soon(self._serve, bot, post)
            task_status.started()

    async def _serve(self, bot: BotState, post: Post) -> None:
        """One delivery after another: each lasts as long as its webhook is set."""
        # Nothing is passed along: whoever is woken looks at the bot's state again.
        changed = trio.lowlevel.ParkingLot()
        with self._telegram.watched(lambda which: changed.unpark_all() if which is bot else None):
            while True:
                webhook = bot.webhook
                async with trio.open_nursery() as nursery:
                    if webhook is not None:
                        nursery.start_soon(_Delivery(self, bot, webhook, post, changed).run)
                    while bot.webhook is webhook:
                        await changed.park()
                    nursery.cancel_scope.cancel()

    def now(self) -> float:
        """The Unix time."""
        return self._telegram.now()

    def backoff(self) -> RedeliverySchedule:
        """The pauses for one update."""
        return RedeliverySchedule(self._rng)

    def loses_answer(self) -> bool:
        """Whether a successful answer gets lost this time."""
        if self._answers_to_lose:
            self._answers_to_lose -= 1
            return True
        return self._duplicate_rate > 0 and self._rng.random() < self._duplicate_rate


class _Delivery:
    """The life of one webhook: its queues, its connections."""

    def __init__(
        self,
        sender: WebhookSender,
        bot: BotState,
        webhook: WebhookSettings,
        post: Post,
        changed: trio.lowlevel.ParkingLot,
    ) -> None:
        self._sender = sender
        self._bot = bot
        self._webhook = webhook
        self._post = post
        self._changed = changed
        self._queues: dict[Hashable, deque[PendingUpdate]] = {}
        self._next_id = next(iter(bot.pending), bot.next_update_id)
        self._connections = trio.CapacityLimiter(1)
        self._last_success = -math.inf
        self._ramping = False
        self._nursery: trio.Nursery

    async def run(self) -> None:
        async with trio.open_nursery() as self._nursery:
            while True:
                self._load()
                await self._changed.park()

    def _load(self) -> None:
        """Put pending updates into queues. Twice as many queues as connections are worked on at a time."""
        while self._next_id < self._bot.next_update_id and len(self._queues) < 2 * self._webhook.max_connections:
            update = self._bot.pending.get(self._next_id)
            self._next_id += 1
            if update is None:
                continue
            if update.queue in self._queues:
                self._queues[update.queue].append(update)
            else:
                self._queues[update.queue] = deque([update])
                self._nursery.start_soon(self._drain, update.queue)

    async def _drain(self, key: Hashable) -> None:
        queue = self._queues[key]
        while queue:
            await self._deliver(queue[0])
            # Gone already if pending updates were dropped while this one was in flight.
            self._bot.pending.pop(queue.popleft().id, None)
        del self._queues[key]
        self._changed.unpark_all()

    async def _deliver(self, update: PendingUpdate) -> None:
        """Send until a 2xx or until the update expires."""
        backoff = self._sender.backoff()
        while self._sender.now() <= update.expires_at:
            async with self._connections:
                problem, retry_after = await self._attempt(update)
            if problem is None:
                self._on_success()
                return
            self._on_failure(problem)
            delay = backoff.next(retry_after)
            if self._sender.now() + delay > update.expires_at:
                return
            await trio.sleep(delay)

    async def _attempt(self, update: PendingUpdate) -> tuple[str | None, int]:
        """Send once: what went wrong (None: nothing), and after how many seconds the bot wants it again."""
        body = update.encode()
        with trio.move_on_after(ANSWER_TIMEOUT):
            try:
                result = await self._post(self._webhook.url, _headers(self._webhook, body), body)
            except (OSError, trio.BrokenResourceError) as problem:
                return _describe(problem), 0
            if not 200 <= result.status <= 299:
                return f"Wrong response from the webhook: {result.status} {_phrase(result.status)}", result.retry_after
            return ("Webhook connection closed", 0) if self._sender.loses_answer() else (None, 0)
        return "Read timeout expired", 0

    def _on_success(self) -> None:
        self._last_success = trio.current_time()
        if not self._ramping and self._connections.total_tokens < self._webhook.max_connections:
            self._ramping = True
            self._nursery.start_soon(self._ramp_up)

    def _on_failure(self, problem: str) -> None:
        self._bot.last_error_date = int(self._sender.now())
        self._bot.last_error_message = problem
        if self._has_been_quiet():
            self._connections.total_tokens = 1

    async def _ramp_up(self) -> None:
        """Open more connections step by step for as long as the bot answers."""
        while self._connections.total_tokens < self._webhook.max_connections and not self._has_been_quiet():
            more = self._connections.total_tokens + RAMP_STEP
            self._connections.total_tokens = min(more, self._webhook.max_connections)
            await trio.sleep(RAMP_PAUSE)
        self._ramping = False

    def _has_been_quiet(self) -> bool:
        return trio.current_time() - self._last_success > QUIET


def _headers(webhook: WebhookSettings, body: bytes) -> list[tuple[str, str]]:
    """Telegram's headers in Telegram's order. The Host has no port, and there is no User-Agent."""
    headers = [("Host", urlsplit(webhook.url).hostname or "")]
    if webhook.secret_token:
        headers.append(("X-Telegram-Bot-Api-Secret-Token", webhook.secret_token))
    return [
        *headers,
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Connection", "keep-alive"),
        ("Accept-Encoding", "gzip, deflate"),
    ]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _describe(problem: OSError | trio.BrokenResourceError) -> str:
    reason = problem.strerror if isinstance(problem, OSError) else None
    return reason or "Webhook connection closed"
