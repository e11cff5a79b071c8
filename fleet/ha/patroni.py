"""Three nodes under Patroni, one etcd, and what Patroni says of them."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from fleet.ha.node import TIMES, Node
from fleet.ha.process import Program
from fleet.ha.programs import Programs
from fleet.promises import rows
from sandbox.ports import free_port
from sandbox.postgres_programs import let_pass

NODES = ("one", "two", "three")
HEALTHY_DEADLINE = 120.0
SWITCHOVER_DEADLINE = 60.0
END_DEADLINE = 60.0
EVERY = 0.1


class ClusterFailed(Exception):
    """The cluster did not become what was waited for; the message says what it was."""


@dataclass(frozen=True)
class View:
    """The cluster as Patroni sees it: each node's role and its state, by name."""

    roles: Mapping[str, str]
    states: Mapping[str, str]

    @property
    def leader(self) -> str | None:
        """The node that leads, if Patroni knows of one that runs."""
        return next((name for name, role in self.roles.items() if role == "leader" and self.well(name)), None)

    @property
    def synchronous(self) -> str | None:
        """The standby that has whatever is committed."""
        return next((name for name, role in self.roles.items() if role == "sync_standby" and self.well(name)), None)

    @property
    def whole(self) -> bool:
        """Whether every node is there and does what it should."""
        return bool(self.leader and self.synchronous) and all(map(self.well, NODES))

    def well(self, name: str) -> bool:
        """Whether this node does what it should."""
        return self.states.get(name) in ("running", "streaming")

    def __str__(self) -> str:
        return ", ".join(f"{name} {role} {self.states[name]}" for name, role in self.roles.items()) or "nobody answers"


def view_of(answer: Mapping[str, Any] | None) -> View:
    """What Patroni's /cluster says; of nobody, if it did not answer."""
    members = (answer or {}).get("members", [])
    return View(
        {member["name"]: member["role"] for member in members}, {member["name"]: member["state"] for member in members}
    )


class Cluster:
    """The nodes and etcd, in a folder of their own."""

    def __init__(self, folder: Path, programs: Programs) -> None:
        port = free_port()
        client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{free_port()}"
        command = [
            str(programs.etcd),
            *("--data-dir", str(folder / "etcd")),
            *("--listen-client-urls", client, "--advertise-client-urls", client),
            *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
            *("--initial-cluster", f"default={peer}"),
        ]
        self.folder = folder
        self.etcd = Program(command, folder / "etcd.log")
        self.nodes = {name: Node(name, folder / name, programs.patroni, port) for name in NODES}

    async def start(self, nursery: trio.Nursery) -> None:
        """Start all of it, links in `nursery`, and wait until it is whole."""
        await self.etcd.start()
        for node in self.nodes.values():
            for link in (node.etcd_link, node.replication_link):
                await nursery.start(link.run)
        for node in self.nodes.values():
            await node.start()
        await self.until(lambda view: view.whole)

    async def end(self) -> None:
        """Kill all of it, as soon as it goes."""
        for node in self.nodes.values():
            node.thaw()
            await node.kill()
        await self.etcd.end()

    async def view(self) -> View:
        """The cluster, as the first node that answers sees it."""
        for node in self.nodes.values():
            if (answer := await node.ask("/cluster")) is not None:
                return view_of(answer)
        return View({}, {})

    async def until(self, condition: Callable[[View], bool], deadline: float = HEALTHY_DEADLINE) -> View:
        """Wait until the cluster is so. Raises ClusterFailed."""
        view = View({}, {})
        with trio.move_on_after(deadline):
            while True:
                view = await self.view()
                if condition(view):
                    return view
                await trio.sleep(EVERY)
        words = "".join(f"\n{name}: {node.last_words()}" for name, node in self.nodes.items() if not view.well(name))
        raise ClusterFailed(f"after {deadline:.0f} s the cluster is still: {view}{words}")

    async def leader(self) -> Node:
        """The node that leads, as soon as one does."""
        view = await self.until(lambda view: view.leader is not None)
        assert view.leader is not None
        return self.nodes[view.leader]

    async def synchronous(self) -> Node:
        """The standby that has whatever is committed."""
        view = await self.until(lambda view: view.synchronous is not None)
        assert view.synchronous is not None
        return self.nodes[view.synchronous]

    async def leads_another_than(self, former: Node) -> Node:
        """Wait until another node than this leads; that node."""
        view = await self.until(lambda view: view.leader not in (None, former.name))
        assert view.leader is not None
        return self.nodes[view.leader]

    async def switch_over(self) -> None:
        """Have the leader change places with its synchronous standby. Returns when that is done."""
        leader = await self.leader()
        await leader.order("POST", "/switchover", {"leader": leader.name}, SWITCHOVER_DEADLINE)

    async def change(self, **settings: object) -> None:
        """Change settings of the whole cluster, and wait until every node has them."""
        leader = await self.leader()
        if settings.items() <= (await leader.ask("/config") or {}).items():
            return
        await leader.order("PATCH", "/config", settings, SWITCHOVER_DEADLINE)
        # Each node reads them in its next round, and says nothing of it.
        await trio.sleep(2 * TIMES["loop_wait"])

    async def url(self, database: str) -> str:
        """The address of a database on the node that leads, past every link."""
        leader = await self.leader()
        return f"postgresql://postgres@127.0.0.1:{leader.ports.postgres}/{database}"

    async def rows(self, database: str, sql: str) -> list[tuple[Any, ...]]:
        """Run one statement on the node that leads."""
        return await rows(await self.url(database), sql)


@asynccontextmanager
async def running_cluster(programs: Programs) -> AsyncIterator[Cluster]:
    """A cluster with nothing in it, ended and removed at the end."""
    with tempfile.TemporaryDirectory(prefix="svc-ha-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        let_pass(folder)
        cluster = Cluster(folder, programs)
        async with trio.open_nursery() as nursery:
            try:
                await cluster.start(nursery)
                yield cluster
            finally:
                with trio.move_on_after(END_DEADLINE, shield=True):
                    await cluster.end()
            nursery.cancel_scope.cancel(reason="the cluster is no longer needed")
