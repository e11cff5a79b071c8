"""The webhook sender: pending updates go to the bot's URL as Telegram sends them.

Updates of one queue (see `queues`) are sent one after another: the next only after a 2xx for the one before, or after
its expiry. Queues run side by side over at most `max_connections` connections. Behaviour and numbers are those of
WebhookActor.cpp in tdlib/telegram-bot-api. One thing of the original is left out: a webhook that answers 410 for 23
hours is not removed.

How a request is carried is the caller's choice (`Post`): sockets, or a call into an ASGI app under a mocked clock.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Any

import trio

from sandbox.redelivery import RedeliverySchedule
from sandbox.state import BotState, PendingUpdate, WebhookSettings
from sandbox.telegram import Telegram
from sandbox.webhook_answer import NamedCall, named_call
from sandbox.webhook_answer import PostResult as PostResult
from sandbox.webhook_url import WebhookUrl, parse_webhook_url

ANSWER_TIMEOUT = 60.0
QUIET = 10.0
"""Seconds without a success after which one connection has to do."""
RAMP_STEP, RAMP_PAUSE = 10, 0.5
MAX_CALLS = 1_000
"""Calls named in webhooks' answers that may be at work at once; further ones wait, and their updates with them."""

Post = Callable[[str, list[tuple[str, str]], bytes], Awaitable[PostResult]]
"""`await post(url, headers, body)`; raises OSError if the connection fails. It may be cancelled at any time."""

CarryOut = Callable[[str, str, Mapping[str, Any]], Awaitable[None]]
"""`await carry_out(token, method, params)` performs a method for nobody who waits for its answer. It raises nothing."""


class WebhookSender:
    """Delivers the updates of every bot that has a webhook. `rng` draws the pauses after many failures.

    A method that a successful answer names is carried out by `carry_out`, whatever becomes of it.
    """

    def __init__(
        self, telegram: Telegram, rng: random.Random, carry_out: CarryOut, *, duplicate_rate: float = 0.0
    ) -> None:
        self._telegram = telegram
        self._rng = rng
        self._carry_out = carry_out
        self._calls_free = trio.Semaphore(MAX_CALLS)
        self._calls: trio.Nursery
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
        async with trio.open_nursery() as self._calls:
            for bot in self._telegram.bots.values():
                self._calls.start_soon(self._serve, bot, post)
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

    async def start_call(self, bot: BotState, call: NamedCall) -> None:
        """Have the call carried out by and by, also when the bot's webhook changes meanwhile."""
        await self._calls_free.acquire()
        self._calls.start_soon(self._perform, bot.token, call)

    async def _perform(self, token: str, call: NamedCall) -> None:
        try:
            await self._carry_out(token, call.method, call.params)
        finally:
            self._calls_free.release()

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
        self._url = parse_webhook_url(webhook.url)
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
        headers = _headers(self._url, self._webhook.secret_token, body)
        call: NamedCall | None = None
        with trio.move_on_after(ANSWER_TIMEOUT) as waiting:
            try:
                result = await self._post(self._url.at(self._webhook.ip_address), headers, body)
                call = named_call(result)
            except (OSError, trio.BrokenResourceError) as problem:
                return _describe(problem), 0
        if waiting.cancelled_caught:
            return "Read timeout expired", 0
        if not result.is_success:
            return f"Wrong response from the webhook: {result.status} {result.reason}", result.retry_after
        if self._sender.loses_answer():
            return "Webhook connection closed", 0
        if call is not None:
            await self._sender.start_call(self._bot, call)
        return None, 0

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


def _headers(url: WebhookUrl, secret_token: str, body: bytes) -> list[tuple[str, str]]:
    """Telegram's headers in Telegram's order; there is no User-Agent."""
    optional = {"Authorization": url.authorization, "X-Telegram-Bot-Api-Secret-Token": secret_token}
    return [
        ("Host", url.authority),
        *((name, value) for name, value in optional.items() if value),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Connection", "keep-alive"),
        ("Accept-Encoding", "gzip, deflate"),
    ]


def _describe(problem: OSError | trio.BrokenResourceError) -> str:
    reason = problem.strerror if isinstance(problem, OSError) else None
    return reason or "Webhook connection closed"
