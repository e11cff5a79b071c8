"""`svc run`: the service put together from its real parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import structlog
import trio

from svc.delivery.retention import HOUR, Kept
from svc.handler.bot import load_bot
from svc.intake.http_server import load_config
from svc.leadership.election import LockSession
from svc.leadership.postgres_lock import connect_lock, ignore
from svc.observability.loop_lag import measure_loop_lag
from svc.observability.metrics import Metrics
from svc.operations.providers import callback_readers, creating, open_providers
from svc.ops.database import open_ops_database
from svc.parts import Parts
from svc.reports.readings import take_readings
from svc.service import EXIT_MARGIN, Service
from svc.settings.environment import Settings
from svc.shutdown import drain_on_signal
from svc.storage.database import (
    Database,
    DatabaseRefused,
    DatabaseUnavailable,
    asyncio_loop,
    idle_transaction_limit,
    open_database,
    retry_until_up,
)
from svc.storage.figures import KEPT_FOR, PostgresFigures
from svc.storage.fitness import examine
from svc.storage.inbox_sql import KEPT_PLANS, PLANNER
from svc.storage.migrate import MIGRATION_SESSIONS, migrate
from svc.storage.old_rows_sql import ACTIONS_KEPT_FOR, PRUNE_ACTIONS, PRUNE_PAYLOADS, OldRows
from svc.storage.postgres_inbox import PostgresInbox
from svc.storage.postgres_instances import PostgresInstances
from svc.storage.postgres_jobs import PostgresJobs
from svc.storage.transition_log import PostgresTransitionLog

log = structlog.get_logger()


# A group of updates that are stored and one of attempts that are settled are written beside each other.
WRITING_AT_ONCE = 2


async def run_instance(settings: Settings, metrics: Metrics) -> None:
    """Run one instance until a signal ends it.

    Raises what makes that impossible: ConfigError, BotError, MigrationError, DatabaseRefused (also for a server
    that is unfit and a pooler in the way), OSError (the port is taken).
    """
    http = load_config(settings.host, settings.port)
    sessions = {**PLANNER, **idle_transaction_limit(settings.lease)}
    async with (
        asyncio_loop(),
        open_database(settings.database_url, settings=sessions) as database,
        open_database(settings.database_url, settings=sessions | KEPT_PLANS, size=WRITING_AT_ONCE) as kept_plans,
        open_ops_database(settings.database_url) as ops_database,
    ):
        parts = real_parts(settings, metrics, database, kept_plans)
        service = Service(replace(parts, ops_database=ops_database))
        async with trio.open_nursery() as nursery:
            deadline = settings.drain_timeout + settings.linger + EXIT_MARGIN
            await nursery.start(partial(drain_on_signal, service.lifecycle.drain, deadline=deadline))
            nursery.start_soon(measure_loop_lag, metrics.loop_lag)
            await service.run(http)
            nursery.cancel_scope.cancel(reason="the service has ended")


def real_parts(settings: Settings, metrics: Metrics, database: Database, kept_plans: Database | None = None) -> Parts:
    """The parts that talk to a real Postgres and a real Bot API, and the bot; raises BotError. `kept_plans` is for what
    every update writes (`PostgresInbox`).
    """
    ours, observe = (database, settings.bot_id, settings.instance_id), metrics.groups.observe
    keep = settings.keep_payloads > 0
    inbox = PostgresInbox(*ours, observe=observe, keep_payloads=keep, kept_plans=kept_plans)
    jobs = PostgresJobs(*ours, observe=observe)
    transition_log = PostgresTransitionLog(*ours, observe=observe)
    figures = PostgresFigures(*ours)

    async def prepare() -> None:
        await retry_until_up(partial(examine, settings.database_url))
        await _try_lock_address(settings)
        # On sessions of its own: a migration may have to scan and sort, which the inbox's are told not to.
        async with open_database(settings.database_url, settings=MIGRATION_SESSIONS) as plain:
            for applied in await retry_until_up(partial(migrate, plain)):
                log.info("MIGRATED", name=applied.name)

    async def writers() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(inbox.run)
            nursery.start_soon(jobs.run)
            nursery.start_soon(transition_log.run)

    connect = partial(_connect_lock, settings)

    async def answers() -> bool:
        try:
            await database.fetch("SELECT 1")
        except DatabaseUnavailable:
            return False
        return True

    return Parts(
        settings=settings,
        metrics=metrics,
        inbox=inbox,
        instances=PostgresInstances(*ours),
        jobs=jobs,
        transition_log=transition_log,
        bot=load_bot(settings.bot),
        prepare=prepare,
        writers=writers,
        connect_lock=connect,
        database_answers=answers,
        take_readings=partial(take_readings, database, settings.bot_id),
        figures=figures,
        creating=creating(settings),
        open_providers=partial(open_providers, settings),
        callback_readers=callback_readers(settings),
        kept=(*_kept(settings, database), Kept(figures.prune, KEPT_FOR)),
    )


def _kept(settings: Settings, database: Database) -> Sequence[Kept]:
    """What people have written goes at once where it is not to be kept (any more): everything is older than 0 hours."""
    payloads, actions = (OldRows(database, settings.bot_id, sql) for sql in (PRUNE_PAYLOADS, PRUNE_ACTIONS))
    return (
        Kept(payloads.forget, settings.keep_payloads * HOUR),
        Kept(actions.forget, ACTIONS_KEPT_FOR),
    )


async def _try_lock_address(settings: Settings) -> None:
    """Raises DatabaseRefused if the lock's address can never serve. One that is away is waited for later: until then
    this instance can store updates.
    """
    try:
        session = await _connect_lock(settings, ignore, ignore)
    except DatabaseRefused:
        raise
    except DatabaseUnavailable as error:
        log.warning("DB_LOST", error=str(error))
    else:
        session.abandon()


async def _connect_lock(
    settings: Settings, on_new_work: Callable[[Sequence[int]], None], on_orders: Callable[[], None]
) -> LockSession:
    return await connect_lock(
        settings.leader_database_url,
        settings.bot_id,
        server_timeout=settings.lease,
        on_new_work=on_new_work,
        on_orders=on_orders,
    )
