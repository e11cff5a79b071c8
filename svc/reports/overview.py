"""All that the ops page shows at a glance. One look asks what changes by the second; `SlowFacts` what does not."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from svc.reports.database import database_facts
from svc.reports.history import transitions
from svc.reports.jobs import count_jobs
from svc.reports.pauses import pauses
from svc.reports.status import status
from svc.reports.views import (
    CountView,
    DatabaseView,
    InstanceView,
    JobsView,
    LeadView,
    Overview,
    PauseView,
    ReasonView,
    TelegramView,
    TrafficView,
)
from svc.storage.database import Database, DatabaseBusy
from svc.storage.figures import WRITE_EVERY, Slot, percentile, read_slots
from svc.storage.keys import lock_key

K = TypeVar("K")

TRAFFIC_SECONDS = 60.0
HANDOVERS = 30
"""How many of the latest transitions are told."""

NO_DATABASE = DatabaseView(None, None, None, None, None, None)
NO_TELEGRAM = TelegramView(None, None, None, None)
NOTHING_KNOWN = Overview(
    now="",
    served_by="",
    bot="",
    problem=None,
    lead=LeadView(None, None, None, None, None),
    instances=None,
    pauses=(),
    inbox=CountView(None),
    oldest_seconds=None,
    in_doubt=None,
    looked_for=None,
    dead=CountView(None),
    dead_reasons=(),
    traffic=TrafficView(TRAFFIC_SECONDS),
    jobs=None,
    database=NO_DATABASE,
    telegram=NO_TELEGRAM,
    handovers=(),
)
"""What is told where the database has not answered yet."""


@dataclass(frozen=True)
class SlowFacts:
    """What is looked at every ten seconds: jobs, and how the database is; None where that took too long."""

    jobs: Sequence[JobsView] | None = None
    database: dict[str, Any] | None = None


@dataclass(frozen=True)
class Told:
    """What one look was told by the database, before it is put in order; `now` is the database's time."""

    now: datetime
    answers_ms: float
    status: dict[str, Any]
    pauses: Sequence[PauseView]
    slots: Sequence[Slot]
    handovers: Sequence[dict[str, Any]]


async def slow_facts(database: Database, bot_id: int) -> SlowFacts:
    """Raises DatabaseUnavailable, but not where only one of them took too long."""
    try:
        jobs = await count_jobs(database, bot_id)
    except DatabaseBusy:
        jobs = None
    try:
        return SlowFacts(jobs, await database_facts(database))
    except DatabaseBusy:
        return SlowFacts(jobs)


async def look(database: Database, bot_id: int) -> Told:
    """What changes by the second. Raises DatabaseUnavailable."""
    began = time.perf_counter()
    ((now,),) = await database.fetch("SELECT now()")
    took = time.perf_counter() - began
    return Told(
        now=now,
        answers_ms=round(took * 1000, 1),
        status=await status(database, bot_id, lock_key(bot_id)),
        pauses=await pauses(database, bot_id),
        slots=await read_slots(database, bot_id, seconds=TRAFFIC_SECONDS, slot=WRITE_EVERY),
        handovers=[
            row | {"source": row["from_state"], "target": row["to_state"], "instance": row["instance_id"]}
            for row in await transitions(database, bot_id, HANDOVERS)
        ],
    )


def overview(told: Told, slow: SlowFacts, *, served_by: str, bot: str) -> Overview:
    """Put in order what was told."""
    found = told.status
    return Overview(
        now=told.now.isoformat(),
        served_by=served_by,
        bot=bot,
        problem=None,
        lead=_lead(found),
        instances=_instances(found["instances"]),
        pauses=told.pauses,
        inbox=CountView(found["inbox"], found["inbox_exact"]),
        oldest_seconds=found["oldest_seconds"],
        in_doubt=found["in_doubt"],
        looked_for=found["looked_for"],
        dead=CountView(found["dead"], found["dead_exact"]),
        dead_reasons=[ReasonView(row["reason"], row["updates"]) for row in found["dead_reasons"]],
        traffic=traffic(told.slots),
        jobs=slow.jobs,
        database=DatabaseView(**{**_UNKNOWN_FACTS, **(slow.database or {}), "answers_ms": told.answers_ms}),
        telegram=_telegram(told.slots, told.now),
        handovers=[{name: row[name] for name in _HANDOVER} | {"at": row["at"].isoformat()} for row in told.handovers],
    )


_HANDOVER = ("instance", "source", "target", "trigger", "reason", "epoch", "held")
_UNKNOWN_FACTS = dict.fromkeys(("version", "size_bytes", "sessions", "max_sessions", "oldest_transaction_seconds"))


def traffic(slots: Sequence[Slot]) -> TrafficView:
    """The sums of several slots, and latencies over all of them."""
    ack, menu = _sums(slot.ack for slot in slots), _sums(slot.menu for slot in slots)
    return TrafficView(
        seconds=sum(slot.seconds for slot in slots),
        counts=_sums(slot.counts for slot in slots),
        answers=_sums(slot.answers for slot in slots),
        flood_pauses=sum(slot.flood_pauses for slot in slots),
        flood_seconds=round(sum(slot.flood_seconds for slot in slots), 1),
        ack_p50=_milliseconds(percentile(ack, 0.5)),
        ack_p99=_milliseconds(percentile(ack, 0.99)),
        menu_p50=_milliseconds(percentile(menu, 0.5)),
        menu_p99=_milliseconds(percentile(menu, 0.99)),
    )


def _sums(parts: Iterable[Mapping[K, int]]) -> dict[K, int]:
    """What is counted under each name or bound, over all parts."""
    total: Counter[K] = Counter()
    for part in parts:
        total.update(part)
    return dict(total)


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)


def _lead(found: dict[str, Any]) -> LeadView:
    return LeadView(
        instance=found["active"],
        epoch=found["epoch"],
        since=found["since"],
        seconds=found["active_seconds"],
        last_instance=found["last_active"],
    )


def _instances(rows: Sequence[dict[str, Any]] | None) -> list[InstanceView] | None:
    if rows is None:
        return None
    names = ("state", "state_seconds", "started", "epochs", "heard_seconds", "reaches", "reach_error")
    return [InstanceView(name=row["instance"], **{name: row[name] for name in names}) for row in rows]


def _telegram(slots: Sequence[Slot], now: datetime) -> TelegramView:
    """As the ACTIVE instance was told last."""
    slot = next((slot for slot in reversed(slots) if slot.telegram is not None), None)
    if slot is None or slot.telegram is None:
        return NO_TELEGRAM
    told, last = slot.telegram, slot.telegram.get("last_error_at")
    return TelegramView(
        pending=told.get("pending"),
        last_error=told.get("last_error"),
        last_error_at=None if last is None else datetime.fromtimestamp(last, UTC).isoformat(),
        seconds=round(max(0.0, (now - slot.at).total_seconds() - slot.seconds), 1),
    )
