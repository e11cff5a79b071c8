"""What a scene has to do with: the cluster, two instances of the service with links of their own, maybe PgBouncer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

from fleet.ha.node import Node
from fleet.ha.patroni import Cluster
from fleet.ha.pgbouncer import PgBouncer
from fleet.instances import Fleet, running_fleet
from fleet.process import THIS, ServiceProcess
from fleet.tcp_proxy import TcpProxy

INSTANCES = 2


@dataclass(frozen=True)
class Instance:
    """One instance, and its link to each node by the node's name."""

    service: ServiceProcess
    links: Mapping[str, TcpProxy]


@dataclass(frozen=True)
class Stage:
    """What can be hit."""

    cluster: Cluster
    fleet: Fleet
    instances: Sequence[Instance]
    pgbouncer: PgBouncer | None

    @property
    def active(self) -> Instance:
        """The instance that is ACTIVE, by its log."""
        return next(instance for instance in self.instances if instance.service.state == "ACTIVE")

    @asynccontextmanager
    async def cut_off(self, instances: Sequence[Instance], node: Node) -> AsyncIterator[None]:
        """Let nothing through between these instances and this node for as long as the block lasts."""
        links = [instance.links[node.name] for instance in instances]
        for link in links:
            link.stall()
        try:
            yield
        finally:
            for link in links:
                link.heal()


@asynccontextmanager
async def staged(cluster: Cluster, database: str, pgbouncer: PgBouncer | None) -> AsyncIterator[Stage]:
    """Two instances on a new database of the cluster, one of them ACTIVE. With a `pgbouncer` only the lock goes past
    it."""
    await cluster.rows("postgres", f"CREATE DATABASE {database}")
    async with running_fleet(await cluster.url(database), THIS) as fleet, trio.open_nursery() as nursery:
        if pgbouncer is not None:
            await nursery.start(pgbouncer.run)
        instances = [await _instance(nursery, fleet, cluster, database, pgbouncer) for _ in range(INSTANCES)]
        await instances[0].service.active()
        yield Stage(cluster, fleet, instances, pgbouncer)
        nursery.cancel_scope.cancel(reason="the scene is over")


async def _instance(
    nursery: trio.Nursery, fleet: Fleet, cluster: Cluster, database: str, pgbouncer: PgBouncer | None
) -> Instance:
    links = {name: TcpProxy(node.ports.postgres) for name, node in cluster.nodes.items()}
    for link in links.values():
        await nursery.start(link.run)
    hosts = ",".join(f"127.0.0.1:{link.port}" for link in links.values())
    direct = f"postgresql://postgres@{hosts}/{database}"
    if pgbouncer is None:
        return Instance(await fleet.start(direct), links)
    return Instance(await fleet.start(pgbouncer.url(database), LEADER_DATABASE_URL=direct), links)
