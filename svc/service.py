"""The whole wiring of one instance, on one page.

    webhook ──store──▶ inbox (Postgres) ◀──begin, settle── workers ──▶ Bot API
       └──────hint──▶ memory channel ──▶ chat queue ──────────┘

One nursery holds everything. The HTTP server, the writers of the inbox and the leadership loop live as long as the
process. What runs in a state only, runs in a scope of its own: waiting while not ACTIVE, the workers and the object
that can send while ACTIVE. So no task ever asks whether it may act: it exists, or it does not.
"""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar
from uuid import UUID

import structlog
import trio
from hypercorn.config import Config

from statemachine import Lifecycle, Transition
from svc.bot.handlers import Decide
from svc.delivery import active_period
from svc.delivery.chat_queue import ChatQueue
from svc.delivery.worker import Period
from svc.intake.http_app import App, make_app, make_pages
from svc.intake.http_server import serve_http
from svc.intake.polling import open_poller, poll
from svc.intake.webhook import Webhook
from svc.intake.webhook_registration import keep_webhook, target_of
from svc.leadership.election import Leader, Leadership, Lease, LockSession
from svc.observability.metrics import Metrics
from svc.settings.environment import Settings
from svc.storage.inbox import Inbox, Received, Term
from svc.storage.transition_log import TransitionLog
from telegram_client.client import BotApi, OpenTransport
from telegram_client.flood import FloodControl

log = structlog.get_logger()

T = TypeVar("T")

HINTS = 1000
FLUSH_DEADLINE = 1.0
# After the lease has ended all of its work is cancelled; what then still runs may not live on.
CANCEL_DEADLINE = 1.0
LAG_EVERY = 0.1
# On top of the drain, the linger and HTTP's graceful timeout: then the process ends whatever still hangs.
EXIT_MARGIN = 5.0


@dataclass
class Parts:
    """What the service is put together from: the real parts in `svc run`, stand-ins under a test's mock clock."""

    settings: Settings
    metrics: Metrics
    inbox: Inbox
    transition_log: TransitionLog
    decide: Decide
    prepare: Callable[[], Awaitable[None]]
    """BOOT's work: wait for the database, bring its schema up to date."""
    writers: Callable[[], Awaitable[None]]
    """Writes the inbox's and the transition log's groups until cancelled."""
    connect_lock: Callable[[Callable[[], None]], Awaitable[LockSession]]
    """Opens a session to the lock server; its argument is called when other instances announce new work."""
    database_answers: Callable[[], Awaitable[bool]]
    open_transport: OpenTransport | None = None
    """How the Bot API is reached; None: over the network."""
    rng: random.Random = field(default_factory=random.Random)
    """Jitter and tokens."""


class Service:
    """One instance, from BOOT to its end."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._settings = parts.settings
        self.lifecycle = Lifecycle(self._on_transition)
        self._hints, self._hints_out = trio.open_memory_channel[Received](HINTS)
        self._new_work: Callable[[], None] = _nothing
        # Outlives a term: Telegram's patience does too.
        self._flood = FloodControl(
            parts.settings.send_rate, parts.settings.send_rate_chat, parts.settings.send_rate_group
        )
        self._nursery: trio.Nursery | None = None
        self._leadership = Leadership(
            lambda: parts.connect_lock(lambda: self._new_work()),  # noqa: PLW0108 (looked up when it rings)
            self._take_over,
            Lease(parts.settings.lease),
            rng=parts.rng,
        )
        self.app = self._make_app()

    async def run(self, http: Config | None = None) -> None:
        """Live: BOOT, then PASSIVE and ACTIVE in turn, then DRAINING. Returns when drained.

        `http` None leaves the HTTP server out: a test calls `app` itself.
        """
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self._parts.writers)
            nursery.start_soon(self._measure_lag)
            async with self._serving(nursery, http):
                if await until(self.lifecycle.draining, self._boot):
                    self.lifecycle.booted()
                    await self._lead()
                with trio.move_on_after(self._settings.linger):
                    await active_period.wait_passively(self._hints_out, self._parts.inbox, self._settings.passive_hold)
            with trio.move_on_after(FLUSH_DEADLINE):
                await self._parts.transition_log.flush()
            nursery.cancel_scope.cancel(reason="drained")

    async def drain_on_signal(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Leave at the first SIGTERM or SIGINT; a second one ends the process at once."""
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            task_status.started()
            async for number in signals:
                self.lifecycle.drain(signal.Signals(number).name)
                break
        end_process_after(self._settings.drain_timeout + self._settings.linger + EXIT_MARGIN)

    async def _boot(self) -> bool:
        await self._parts.prepare()
        return True

    async def _lead(self) -> None:
        """PASSIVE and ACTIVE in turn, until DRAINING."""
        draining = self.lifecycle.draining
        while not draining.is_set():
            leader = await self._be_passive()
            if leader is None:
                return
            if draining.is_set():
                await self._leadership.release(leader)
                return
            await self._be_active(leader)

    async def _be_passive(self) -> Leader | None:
        """Wait for the lock; None if draining came first."""
        async with trio.open_nursery() as nursery:
            hold = self._settings.passive_hold
            nursery.start_soon(active_period.wait_passively, self._hints_out, self._parts.inbox, hold)
            leader = await until(self.lifecycle.draining, self._leadership.acquire)
            nursery.cancel_scope.cancel(reason="no longer passive")
        return leader

    async def _be_active(self, leader: Leader) -> None:
        """The ACTIVE period: one cancel scope, whose deadline is the lease and whose end is the end of sending."""
        self.lifecycle.lock_acquired(epoch=leader.term.epoch)
        log.info("LOCK_ACQUIRED", epoch=leader.term.epoch)
        self._parts.metrics.handover.observe(trio.current_time() - leader.heard)
        self._parts.metrics.lease_left.set_function(lambda: leader.lease_left)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_end_process_if_stuck, leader)
                with leader.scope:
                    await self._work(leader)
                nursery.cancel_scope.cancel(reason="the period has ended")
        finally:
            self._parts.metrics.lease_left.set_function(_zero)
            self._new_work = _nothing
            if leader.scope.cancelled_caught:
                log.warning("LOCK_LOST", epoch=leader.term.epoch, reason=leader.why_lost)
                leader.session.abandon()
            else:
                await self._leadership.release(leader)  # noqa: ASYNC102 (shields itself)
        if not self.lifecycle.draining.is_set():
            self.lifecycle.lock_lost(leader.why_lost)

    async def _work(self, leader: Leader) -> None:
        settings, parts = self._settings, self._parts
        queue = ChatQueue()
        self._new_work = queue.ring
        async with (
            BotApi(
                settings.bot_token,
                root=settings.telegram_api_root,
                connections=settings.workers + 1,  # one for the webhook's keeper
                open_transport=parts.open_transport,
            ) as sender,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(self._leadership.hold, leader)
            nursery.start_soon(self._take_in, sender)
            nursery.start_soon(self._limit_drain, nursery.cancel_scope)
            period = Period(
                term=leader.term,
                sender=sender,
                inbox=parts.inbox,
                queue=queue,
                decide=parts.decide,
                in_doubt=settings.in_doubt,
                metrics=parts.metrics,
                lose=leader.lose,
                rng=parts.rng,
                flood=self._flood,
            )
            await active_period.work(
                period, self._hints_out, workers=settings.workers, draining=self.lifecycle.draining
            )
            nursery.cancel_scope.cancel(reason="drained")

    async def _take_in(self, sender: BotApi) -> None:
        """See to it that Telegram's updates come: keep the webhook, or poll until draining."""
        settings, parts = self._settings, self._parts
        if settings.intake == "webhook":
            await keep_webhook(sender, target_of(settings), health=parts.metrics.webhook, rng=parts.rng)
            return
        async with open_poller(
            settings.bot_token, root=settings.telegram_api_root, open_transport=parts.open_transport
        ) as poller:
            polling = partial(poll, poller, parts.inbox.store, self._hints, rng=parts.rng)
            await until(self.lifecycle.draining, polling)

    async def _measure_lag(self) -> None:
        while True:
            due = trio.current_time() + LAG_EVERY
            await trio.sleep_until(due)
            self._parts.metrics.loop_lag.observe(trio.current_time() - due)

    async def _limit_drain(self, scope: trio.CancelScope) -> None:
        await self.lifecycle.draining.wait()
        await trio.sleep(self._settings.drain_timeout)
        log.error("DRAIN_TIMEOUT", seconds=self._settings.drain_timeout)
        scope.cancel(reason="drain timeout")

    @asynccontextmanager
    async def _serving(self, nursery: trio.Nursery, http: Config | None) -> AsyncIterator[None]:
        """HTTP is up inside the block, and closed behind it."""
        stop, closed = trio.Event(), trio.Event()

        async def serve(config: Config, task_status: trio.TaskStatus[list[str]]) -> None:
            await serve_http(self.app, config, stop.wait, task_status=task_status)
            closed.set()

        if http is None:
            closed.set()
        else:
            binds = await nursery.start(lambda task_status: serve(http, task_status))
            log.info("HTTP_UP", bind=" ".join(binds))
        yield
        stop.set()
        with trio.move_on_after(EXIT_MARGIN):
            await closed.wait()
            return
        log.warning("EXIT", reason="a client holds its connection open")
        end_process_now(0)

    def _make_app(self) -> App:
        parts, settings = self._parts, self._settings
        webhook = Webhook(parts.inbox.store, self._hints, secret=settings.webhook_secret, metrics=parts.metrics)
        pages = make_pages(
            self.lifecycle,
            parts.metrics,
            instance=settings.instance_id,
            database_answers=parts.database_answers,
        )
        return make_app(webhook=webhook, pages=pages)

    async def _take_over(self, holder: UUID, lock_pid: int | None) -> Term:
        return await self._parts.inbox.take_over(holder, self._settings.instance_id, lock_pid)

    def _on_transition(self, step: Transition) -> None:
        log.info(
            "STATE",
            **{"from": step.source.name, "to": step.target.name},
            trigger=step.trigger,
            reason=step.reason,
            epoch=step.epoch,
            held=step.held,
        )
        self._parts.metrics.show_state(step.target)
        self._parts.metrics.epoch.set(step.epoch or 0)
        if self._nursery is not None:
            self._nursery.start_soon(self._parts.transition_log.record, step, datetime.now(UTC))


async def until(event: trio.Event, work: Callable[[], Awaitable[T]]) -> T | None:
    """The result of `work`, or None if `event` came first and `work` was cancelled."""
    result: T | None = None
    async with trio.open_nursery() as nursery:

        async def give_up() -> None:
            await event.wait()
            nursery.cancel_scope.cancel(reason="no longer wanted")

        nursery.start_soon(give_up)
        result = await work()
        nursery.cancel_scope.cancel(reason="done")
    return result


async def _end_process_if_stuck(leader: Leader) -> None:
    """Work that cannot be cancelled must not outlive its lease: another instance may lead by then."""
    await leader.lost()
    await trio.sleep(CANCEL_DEADLINE)
    log.error("STUCK", epoch=leader.term.epoch, reason=leader.why_lost)
    end_process_now(1)


def end_process_after(seconds: float) -> None:
    """The last resort, on a thread of its own: a starved or hung loop cannot keep the process alive."""
    timer = threading.Timer(seconds, os._exit, (1,))
    timer.daemon = True
    timer.start()


def end_process_now(code: int) -> None:
    """End without waiting for tasks that cannot be cancelled: Hypercorn shields its writes."""
    os._exit(code)


def _zero() -> float:
    return 0.0


def _nothing() -> None:
    """Nobody wants to hear of new work."""
