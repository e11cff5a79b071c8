"""The instances' heartbeats without a database."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import trio

from svc.storage.errors import DatabaseUnavailable
from svc.storage.instances import HEARD_WITHIN, Heard, Heartbeat, Instances, Peer
from svc.storage.orders import Orders
from tests.memory.inbox import MemoryInbox


@dataclass
class _Row:
    instance: str
    heartbeat: Heartbeat
    seen: float


@dataclass
class MemoryInstances:
    """The table of one bot's instances, beside its inbox; away when that is. `of` is what one process has of it."""

    inbox: MemoryInbox
    rows: dict[object, _Row] = field(default_factory=dict)

    def of(self, instance: str) -> Instances:
        """What a new process with this label uses."""
        return _OneProcess(self, instance)

    def latest(self, instance: str) -> Heartbeat:
        """What the instance with this label has said last."""
        return [row.heartbeat for row in self.rows.values() if row.instance == instance][-1]


class _OneProcess:
    """`Instances` in memory."""

    def __init__(self, table: MemoryInstances, instance: str) -> None:
        self._table = table
        self._instance = instance

    async def beat(self, heartbeat: Heartbeat) -> Heard:
        await self._crossing()
        now = trio.current_time()
        self._table.rows[self] = _Row(self._instance, heartbeat, now)
        for epoch in heartbeat.epochs:
            self._table.inbox.seen[epoch] = now
        others = [row for process, row in self._table.rows.items() if process is not self]
        return Heard([_peer(row, now) for row in others if now - row.seen < HEARD_WITHIN], self._orders())

    def _orders(self) -> Orders:
        orders, term = self._table.inbox.orders, self._table.inbox.term
        is_past = orders.step_down is not None and (term is None or orders.step_down.epoch != term.epoch)
        return replace(orders, step_down=None) if is_past else orders

    async def leave(self) -> None:
        await self._crossing()
        row = self._table.rows.pop(self, None)
        for epoch in row.heartbeat.epochs if row else ():
            self._table.inbox.seen.pop(epoch, None)

    async def forget(self, age: float) -> None:
        await self._crossing()
        now = trio.current_time()
        self._table.rows = {process: row for process, row in self._table.rows.items() if now - row.seen <= age}

    async def work_waits(self) -> bool:
        await self._crossing()
        return bool(self._table.inbox.rows)

    async def _crossing(self) -> None:
        await trio.lowlevel.checkpoint()
        if self._table.inbox.away:
            raise DatabaseUnavailable("away")


def _peer(row: _Row, now: float) -> Peer:
    said, passed = row.heartbeat, now - row.seen
    reach_for = math.inf if said.reach_for is None else said.reach_for + passed
    return Peer(row.instance, said.state, said.reaches, passed, reach_for)
