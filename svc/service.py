"""The whole wiring of one instance, on one page.

    webhook ──store──▶ inbox (Postgres) ◀──begin, settle── workers ──▶ Bot API
       └──────hint──▶ memory channel ──▶ chat queue ──────────┘

One nursery holds the HTTP application, the workers and chores, and the loop that walks the states. Workers and chores
stand at the ACTIVE event; it opens onto the period, which holds the object that can send. The writers of the inbox
stand in an outer nursery: after a crash they still write down what has been sent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
import trio
from hypercorn.config import Config

from statemachine import Lifecycle, State, Transition
from svc.delivery import chores
from svc.delivery.active_period import ActivePeriod, in_each_period
from svc.delivery.arrivals import Arrivals
from svc.delivery.commands_setup import set_up_commands
from svc.delivery.deciding import Deciding
from svc.delivery.first_window import FirstWindow
from svc.delivery.follower import follow
from svc.delivery.handler_watchdog import HandlerWatchdog
from svc.delivery.identity import Identity
from svc.delivery.knowing import Knowing
from svc.delivery.leased_sender import LeasedSender
from svc.delivery.looking import LOOKS_AT_ONCE
from svc.delivery.metered_sender import MeteredSender
from svc.delivery.prober import Prober
from svc.delivery.readings import keep_reading
from svc.delivery.remote_files import RemoteFiles
from svc.delivery.retention import prune
from svc.delivery.sending_pause import SendingPause
from svc.delivery.worker import work
from svc.intake.accept import Intake
from svc.intake.callback import Callbacks
from svc.intake.http_app import make_app
from svc.intake.http_server import http_served
from svc.intake.late_pages import LatePages
from svc.intake.polling import open_poller, poll
from svc.intake.webhook import brings_an_update
from svc.intake.webhook_registration import register_webhook, target_of
from svc.jobs.runner import JobParts, work_on_jobs
from svc.keep_up import keep_up
from svc.leadership.election import Election, Leader
from svc.leadership.lease import LeaseTimes
from svc.leadership.orders_heard import OrdersHeard
from svc.leadership.standing import Standing
from svc.leadership.terms import Terms
from svc.parts import Parts
from svc.queue.chat_queue import ChatQueue
from svc.queue.hints import Hints
from svc.queue.new_work import NewWork
from svc.storage.figures_writer import FiguresWriter
from svc.storage.inbox import Term
from svc.waiting import until
from telegram_client.client import BotApi
from telegram_client.files import BotFiles
from telegram_client.flood import FloodControl
from telegram_client.get_me import open_get_me
from telegram_client.message_ids import MessageIds
from telegram_client.update_kinds import kinds_to_ask_for

if TYPE_CHECKING:
    from svc.ops.site import Site

log = structlog.get_logger()

# Seconds for writing down what is known, also where a drain has used up its time.
LEAST_FLUSH = 1.0
# On top of the drain, the linger and HTTP's graceful timeout: then the process ends whatever still hangs.
EXIT_MARGIN = 5.0
# Of the workers, the part that may be moving files at once.
FILE_SHARE = 1 / 4


class Service:
    """One instance, from BOOT to its end."""

    def __init__(self, parts: Parts) -> None:
        settings = parts.settings
        self._parts = parts
        self._settings = settings
        self.lifecycle: Lifecycle[ActivePeriod] = Lifecycle(self._on_transition)
        self._hints = Hints()
        self._news = NewWork()
        self._follow = partial(follow, self._hints, parts.inbox, settings.passive_hold, parts.rng)
        # These outlive a term: Telegram's patience, what it thinks of the token and which messages there are do too.
        self._flood = FloodControl(settings.send_rate, settings.send_rate_chat, settings.send_rate_group)
        self._pause = SendingPause(parts.metrics, parts.rng)
        self._orders = OrdersHeard(self._pause.order)
        self._identity = Identity()
        self._standing = Standing(
            parts.instances,
            self._orders,
            partial(
                open_get_me, settings.bot_token, root=settings.telegram_api_root, open_transport=parts.open_transport
            ),
            polls=settings.intake == "polling",
            step_down_after=settings.step_down_after,
            told=self._identity.told,
            rng=parts.rng,
        )
        parts.metrics.reaches.set_function(lambda: self._standing.reach.as_number)
        self._message_ids = MessageIds()
        self._prober = Prober(self._flood, self._pause)
        self._watchdog = HandlerWatchdog(settings.lease)
        self._writing: trio.Nursery | None = None
        self._first_window = FirstWindow()
        self._terms = Terms(
            self.lifecycle,
            Election(
                partial(parts.connect_lock, self._news.tell, self._standing.heartbeats.beat_now),
                self._take_over,
                LeaseTimes(settings.lease),
                rng=parts.rng,
                candidacy=self._standing.candidacy,
            ),
            follow=self._follow,
            open_period=self._open_period,
            drain_timeout=settings.drain_timeout,
        )
        self._ops: Site | None = None
        self._late_pages = None if parts.ops_database is None else LatePages(self._add_ops)
        updates = parts.metrics.updates
        arrivals = Arrivals(parts.inbox, self.lifecycle.active, updates)
        self._intake = Intake(arrivals.store, self._hints, updates.count_accepted, arrivals.note_done)
        self.app = make_app(
            self._intake,
            self.lifecycle,
            parts.metrics,
            secret=parts.settings.webhook_secret,
            instance=parts.settings.instance_id,
            database_answers=parts.database_answers,
            callbacks=Callbacks(parts.jobs.note_callback, parts.callback_readers),
            more_health=self._more_health,
            late_pages=self._late_pages,
        )

    async def run(self, http: Config | None = None) -> None:
        """Live: BOOT, then PASSIVE and ACTIVE in turn, then DRAINING. Returns when drained.

        `http` None leaves the HTTP server out: a test calls `app` itself.
        """
        with self._watchdog.watching():
            await self._live(http)

    async def _live(self, http: Config | None) -> None:
        async with self._writers(), trio.open_nursery() as nursery:
            for number in range(self._settings.workers):
                nursery.start_soon(in_each_period, self.lifecycle.active, partial(work, f"WORKER_{number}"))
            for chore in self._chores():
                nursery.start_soon(self._until_draining, partial(in_each_period, self.lifecycle.active, chore))
            nursery.start_soon(self._until_draining, self._work_on_jobs)
            ask = partial(self._standing.ask_while_passive, self.lifecycle)
            nursery.start_soon(self._until_draining, partial(keep_up, "REACH", ask, self._parts.rng))
            if self._late_pages is not None:
                nursery.start_soon(self._until_draining, partial(self._run_ops, self._late_pages))
            async with self._http(nursery, http):
                await self._until_draining(self._parts.prepare)
                if not self.lifecycle.draining.is_set():
                    self._begin_heartbeats()
                    self.lifecycle.booted()
                    await self._terms.run()
                await self._write_down()
                with trio.move_on_after(self._settings.linger):
                    await self._follow()
            nursery.cancel_scope.cancel(reason="drained")

    def _chores(self) -> Iterator[chores.Chore]:
        """What is done besides answering while ACTIVE, until draining."""
        parts = self._parts
        chores_by_name: dict[str, chores.Chore] = {
            "HINTS": partial(chores.take_hints, self._hints),
            "BACKFILL": chores.backfill,
            "HELD": chores.release_held,
            "DOUBTS": chores.look_after_doubts,
            **({"LOOKS": chores.look_for_sends} if self._settings.in_doubt == "verify" else {}),
            "PRUNE": partial(prune, self._settings, parts.transition_log, parts.jobs, parts.kept),
            **({"READINGS": partial(keep_reading, parts.take_readings)} if parts.take_readings is not None else {}),
            "PAUSE": lambda period: self._pause.watch(period.sender, period.inbox, period.term),
            "REACH": lambda period: self._standing.ask_while_active(period.sender),
            "STEP_DOWN": lambda period: self._standing.watch(period.lease, period.term.epoch),
            "SET_UP": chores.behind_the_menus(self._set_up),
            "INTAKE": (
                chores.behind_the_menus(self._register_webhook) if self._settings.intake == "webhook" else self._poll
            ),
        }
        for name, chore in chores_by_name.items():
            yield chores.while_wanted(chores.kept_up(name, chore, self._parts.rng))

    async def _work_on_jobs(self) -> None:
        parts = self._parts
        await work_on_jobs(
            self.lifecycle.active,
            JobParts(
                bot=parts.bot,
                jobs=parts.jobs,
                open_providers=parts.open_providers,
                open_results=parts.open_results,
                known=self._knowing().of_chat,
                watchdog=self._watchdog,
                public_url=self._settings.public_url,
            ),
        )

    def _knowing(self) -> Knowing:
        parts = self._parts
        return Knowing(parts.jobs, parts.creating, self._identity, parts.now, orders=lambda: self._orders.now)

    @asynccontextmanager
    async def _open_period(self, leader: Leader) -> AsyncIterator[ActivePeriod]:
        settings, parts = self._settings, self._parts
        async with BotApi(
            settings.bot_token,
            root=settings.telegram_api_root,
            # Four for the webhook's registration, the commands, and to ask whether the bot is known and is reached.
            connections=settings.workers + LOOKS_AT_ONCE + 4,
            open_transport=parts.open_transport,
            may_send=leader.may_send,
        ) as api:
            took = trio.current_time() - leader.heard
            sender = MeteredSender(LeasedSender(self._standing.noting(api), leader.lease), parts.metrics.bot_api)
            queue = ChatQueue(self._news)
            with parts.metrics.leading(took, lambda: leader.lease.left, queue.__len__):
                yield ActivePeriod(
                    term=leader.term,
                    lease=leader.lease,
                    sender=sender,
                    files=BotFiles(
                        settings.bot_token,
                        sender,
                        root=settings.telegram_api_root,
                        open_transport=parts.open_transport,
                    ),
                    remote_files=RemoteFiles(parts.open_remote),
                    file_places=trio.CapacityLimiter(max(1, int(settings.workers * FILE_SHARE))),
                    inbox=parts.inbox,
                    queue=queue,
                    first_window=self._first_window,
                    deciding=Deciding(
                        parts.bot,
                        parts.inbox,
                        leader.term,
                        self._watchdog,
                        self._knowing(),
                        after_crash=not leader.announced,
                    ),
                    looks=settings.in_doubt == "verify",
                    in_doubt=settings.fallback,
                    metrics=parts.metrics,
                    rng=parts.rng,
                    flood=self._flood,
                    pause=self._pause,
                    message_ids=self._message_ids,
                    prober=self._prober,
                )

    def _begin_heartbeats(self) -> None:
        # Until the process ends: what it still sends while it drains is its own.
        assert self._writing is not None
        self._writing.start_soon(keep_up, "HEARTBEAT", self._standing.heartbeats.run, self._parts.rng)
        if self._parts.figures is not None:
            writer = FiguresWriter(self._parts.metrics, self._parts.figures)
            self._writing.start_soon(keep_up, "FIGURES", writer.run, self._parts.rng)

    async def _add_ops(self) -> None:
        # In three steps, so that what else is to be done comes in between.
        from svc.ops.site import make_site

        await trio.lowlevel.checkpoint()
        from svc.ops.routes import add_ops

        await trio.lowlevel.checkpoint()
        assert self._parts.ops_database is not None
        self._ops = make_site(self._settings, self._parts.ops_database, bot=self._bot_name)
        add_ops(self.app, self._ops)

    async def _run_ops(self, pages: LatePages) -> None:
        await pages.added()
        assert self._ops is not None
        await self._ops.run()

    async def _set_up(self, period: ActivePeriod) -> None:
        await self._identity.ask(period.sender, self._parts.rng)
        await set_up_commands(period.sender, self._parts.bot.commands, self._parts.rng)
        await trio.sleep_forever()  # it is over with the period

    def _bot_name(self) -> str:
        me = self._identity.me
        return f"bot {self._settings.bot_id}" if me is None else f"@{me.username}"

    def _more_health(self) -> dict[str, Any]:
        """What /healthz says besides the state: whether Telegram is reached, and why the leader sends nothing."""
        paused = self._pause.reason if self.lifecycle.state is State.ACTIVE else None
        return self._standing.health() | ({} if paused is None else {"paused": paused})

    async def _register_webhook(self, period: ActivePeriod) -> None:
        health, rng = self._parts.metrics.webhook, self._parts.rng
        target = target_of(self._settings, self._parts.bot.kinds)
        await register_webhook(period.sender, target, health=health, rng=rng)

    async def _poll(self, _period: ActivePeriod) -> None:
        settings, parts = self._settings, self._parts
        async with open_poller(
            settings.bot_token, root=settings.telegram_api_root, open_transport=parts.open_transport
        ) as poller:
            kinds = kinds_to_ask_for(parts.bot.kinds)
            sender = MeteredSender(self._standing.noting(poller), parts.metrics.bot_api)
            await poll(sender, self._intake, kinds=kinds, rng=parts.rng)

    async def _until_draining(self, work: Callable[[], Awaitable[None]]) -> None:
        await until(self.lifecycle.draining, work)

    @asynccontextmanager
    async def _writers(self) -> AsyncIterator[None]:
        """Groups are written inside the block; behind it, also after a crash, what is known is still written down."""
        async with trio.open_nursery() as nursery:
            self._writing = nursery
            nursery.start_soon(self._parts.writers)
            try:
                yield
            finally:
                await self._write_down()  # noqa: ASYNC102 (shields itself, with a deadline)
            nursery.cancel_scope.cancel(reason="drained")

    async def _write_down(self) -> None:
        """Wait until what is known of sends is in the database, for as long as a drain may take.

        After a crash that counts from now: nobody else could tell what became of them.
        """
        now = trio.current_time()
        began = min(self.lifecycle.drain_began, now)
        deadline = max(began + self._settings.drain_timeout, now + LEAST_FLUSH)
        with trio.CancelScope(deadline=deadline, shield=True):
            await self._parts.inbox.flush()
            await self._parts.jobs.flush()
            await self._parts.transition_log.flush()

    def _http(self, nursery: trio.Nursery, config: Config | None) -> AbstractAsyncContextManager[None]:
        if config is None:
            return nullcontext()
        comes_first = brings_an_update(self._settings.webhook_secret)
        return http_served(nursery, self.app, config, close_deadline=EXIT_MARGIN, comes_first=comes_first)

    async def _take_over(self, holder: UUID, lock_pid: int | None) -> Term:
        assert self._writing is not None
        asked = self._orders.asking()
        self._first_window = FirstWindow()
        self._writing.start_soon(self._first_window.read, self._parts.inbox)
        term = await self._parts.inbox.take_over(holder, self._settings.instance_id, lock_pid)
        # Before the term can send anything.
        self._orders.hear(term.orders, asked)
        return term

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
        self._standing.heartbeats.changed(step)
        if self._writing is not None:
            self._writing.start_soon(self._parts.transition_log.record, step, datetime.now(UTC))
