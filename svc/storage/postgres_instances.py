"""`Instances` in Postgres: the table `instances`."""

from __future__ import annotations

import math
from uuid import uuid4

import asyncpg

from svc.storage.database import Database
from svc.storage.instances import EPOCHS_KEPT, HEARD_WITHIN, Heard, Heartbeat, Peer
from svc.storage.instances_sql import BEAT, FORGET, LEAVE, WORK_WAITS
from svc.storage.orders import Orders, StepDown, read_pauses
from svc.storage.storable import storable


class PostgresInstances:
    """`Instances` on a Database, for one process; `instance` is its label."""

    def __init__(self, database: Database, bot_id: int, instance: str) -> None:
        self._database = database
        self._bot_id = bot_id
        self._process_id = uuid4()
        self._instance = instance

    async def beat(self, heartbeat: Heartbeat) -> Heard:
        rows = await self._database.fetch(
            BEAT,
            self._bot_id,
            self._process_id,
            self._instance,
            heartbeat.state,
            heartbeat.state_for,
            heartbeat.epochs[-EPOCHS_KEPT:],
            heartbeat.reaches,
            None if heartbeat.reach_error is None else storable(heartbeat.reach_error),
            heartbeat.reach_for,
            HEARD_WITHIN,
        )
        return Heard([_peer(row) for row in rows if row["instance_id"] is not None], _orders(rows[0]))

    async def leave(self) -> None:
        await self._database.fetch(LEAVE, self._bot_id, self._process_id)

    async def forget(self, age: float) -> None:
        await self._database.fetch(FORGET, self._bot_id, age)

    async def work_waits(self) -> bool:
        ((waits,),) = await self._database.fetch(WORK_WAITS, self._bot_id)
        return bool(waits)


def _peer(row: asyncpg.Record) -> Peer:
    reach_for = math.inf if row["reach_for"] is None else row["reach_for"]
    return Peer(row["instance_id"], row["state"], row["reaches"], row["seen_for"], reach_for)


def _orders(row: asyncpg.Record) -> Orders:
    epoch = row["step_down_epoch"]
    return Orders(read_pauses(row["pauses"]), None if epoch is None else StepDown(epoch, row["step_down_by"]))
