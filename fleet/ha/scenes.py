"""What happens to the cluster, one thing a scene. Each function does it and undoes it; people write all the while."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import trio

from fleet.ha.node import TIMES
from fleet.ha.stage import Stage

SHORT = 6.0
"""Seconds: longer than LEASE, shorter than any patience of Patroni's."""
LONG = TIMES["ttl"] + 5.0
"""Seconds after which Patroni has done what it will do."""
UNTIL_DEMOTED = 3.0 * TIMES["retry_timeout"]
"""Seconds in which a primary without etcd gives up."""
LEFT_ALONE = 3.0
"""Seconds for which a new leader leads before the old one comes back."""


@dataclass(frozen=True)
class Scene:
    """`words` say what happens. `failsafe` is Patroni's failsafe_mode; where `pooled`, DATABASE_URL leads through
    PgBouncer."""

    words: str
    happens: Callable[[Stage], Awaitable[None]]
    failsafe: bool = True
    pooled: bool = False


async def _switchover(stage: Stage) -> None:
    await stage.cluster.switch_over()


async def _killed(stage: Stage) -> None:
    primary = await stage.cluster.leader()
    await primary.kill()
    await stage.cluster.leads_another_than(primary)
    await trio.sleep(LEFT_ALONE)
    await primary.start()


async def _server_killed(stage: Stage) -> None:
    (await stage.cluster.leader()).kill_postgres()
    await trio.sleep(SHORT)


async def _frozen(stage: Stage) -> None:
    primary = await stage.cluster.leader()
    primary.freeze()
    try:
        await stage.cluster.leads_another_than(primary)
        await trio.sleep(LEFT_ALONE)
    finally:
        primary.thaw()


async def _standby_frozen(stage: Stage) -> None:
    standby = await stage.cluster.synchronous()
    standby.freeze()
    try:
        await trio.sleep(2 * SHORT)
    finally:
        standby.thaw()


async def _no_standbys(stage: Stage) -> None:
    primary = await stage.cluster.leader()
    primary.replication_link.stall()
    await trio.sleep(2 * SHORT)
    primary.replication_link.heal()


async def _no_etcd(stage: Stage) -> None:
    primary = await stage.cluster.leader()
    primary.etcd_link.stall()
    await trio.sleep(LONG)
    primary.etcd_link.heal()


async def _partitioned(stage: Stage) -> None:
    primary = await stage.cluster.leader()
    links = (primary.etcd_link, primary.replication_link)
    for link in links:
        link.stall()
    try:
        await stage.cluster.leads_another_than(primary)
        await trio.sleep(LEFT_ALONE)
    finally:
        for link in links:
            link.heal()


async def _etcd_gone(stage: Stage, lasting: float = LONG) -> None:
    await stage.cluster.etcd.end(signal.SIGKILL)
    await trio.sleep(lasting)
    await stage.cluster.etcd.start()


async def _no_service(stage: Stage) -> None:
    async with stage.cut_off(stage.instances, await stage.cluster.leader()):
        await trio.sleep(SHORT)


async def _no_active(stage: Stage) -> None:
    async with stage.cut_off([stage.active], await stage.cluster.leader()):
        await trio.sleep(2 * SHORT)


async def _pgbouncer_restarted(stage: Stage) -> None:
    assert stage.pgbouncer is not None
    await stage.pgbouncer.restart(away=LEFT_ALONE)


SCENES = {
    "switchover": Scene("Patroni is asked for a switchover", _switchover),
    "killed": Scene("the primary and its Patroni are killed, and come back later", _killed),
    "server_killed": Scene("the primary's Postgres is killed; its Patroni lives", _server_killed),
    "frozen": Scene("the primary and its Patroni are stopped, and go on when another leads", _frozen),
    "standby_frozen": Scene("the synchronous standby is stopped for 12 s", _standby_frozen),
    "no_standbys": Scene("the primary is cut off from both standbys for 12 s", _no_standbys),
    "no_service": Scene("the primary is cut off from both instances for 6 s", _no_service),
    "no_active": Scene("the primary is cut off from the ACTIVE instance for 12 s", _no_active),
    "pgbouncer_switchover": Scene("a switchover behind PgBouncer", _switchover, pooled=True),
    "pgbouncer_restarted": Scene("PgBouncer is away for 3 s", _pgbouncer_restarted, pooled=True),
    "no_etcd": Scene("the primary is cut off from etcd for 25 s", _no_etcd),
    "etcd_gone": Scene("etcd is killed, and comes back after 25 s", _etcd_gone),
    "partitioned": Scene(
        "the primary is cut off from etcd and both standbys, not from the service", _partitioned, failsafe=False
    ),
    "etcd_gone_strict": Scene(
        "etcd is killed for 15 s, no failsafe_mode", partial(_etcd_gone, lasting=UNTIL_DEMOTED), failsafe=False
    ),
}
