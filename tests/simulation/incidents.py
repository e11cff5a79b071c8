"""The incidents of a schedule as they happen: to one instance, to the database, to the Bot API."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import trio

from sandbox.faults import FaultKind
from tests.simulation.schedule import Incident

if TYPE_CHECKING:
    from tests.simulation.link import Link
    from tests.simulation.world import SimulatedInstance, World

CARRIED_OUT_LATE = ("bot_api_late", "bot_api_slow")
# After these nobody may know what became of a create that had begun.
INTERRUPTING = (
    *("kill", "drain", "stall_in_drain", "pause", "cut_database", "cut_lock", "lossy_database", "end_lock_session"),
    *("no_way_out", "database_away", "postgres_restarts", "standby_away", "primary_lost", "statements_refused"),
)
# Of the seconds that an incident lasts, so that no call is carried out in the very moment of a look.
LATE_BY = 0.8
PROBE = "editMessageReplyMarkup"
BURST = 5
DATABASE_INCIDENTS = (
    "database_away",
    "postgres_restarts",
    "standby_away",
    "primary_lost",
    "statements_refused",
    "rows_locked",
)


@dataclass(frozen=True)
class _Trouble:
    """What a call meets: the fault, and with which status and words."""

    kind: FaultKind
    status: int = 500
    description: str = "Internal Server Error: restart"


_SENDS = {
    "bot_api_flood": _Trouble(FaultKind.FLOOD),
    "bot_api_error": _Trouble(FaultKind.ERROR),
    "bot_api_error_after": _Trouble(FaultKind.ERROR_AFTER, status=504),
    "bot_api_html": _Trouble(FaultKind.HTML),
    "bot_api_cut_before": _Trouble(FaultKind.CUT_BEFORE),
    "bot_api_cut_after": _Trouble(FaultKind.CUT_AFTER),
    "bot_api_late": _Trouble(FaultKind.LATE),
    "bot_api_slow": _Trouble(FaultKind.SLOW),
}
_PROBES = {
    "probes_flood": _Trouble(FaultKind.FLOOD),
    "probes_error": _Trouble(FaultKind.ERROR),
    "probes_html": _Trouble(FaultKind.HTML),
    "probes_cut_before": _Trouble(FaultKind.CUT_BEFORE),
    "probes_cut_after": _Trouble(FaultKind.CUT_AFTER),
    "probes_slow": _Trouble(FaultKind.SLOW),
    "probes_forbidden": _Trouble(FaultKind.ERROR, status=403, description="Forbidden: bot was blocked by the user"),
    "probes_unknown": _Trouble(FaultKind.ERROR, status=400, description="Bad Request: MESSAGE_TOO_OLD"),
}


class Incidents:
    """Makes incidents happen in a world, and end."""

    def __init__(self, world: World) -> None:
        self._world = world

    def happen(self, incident: Incident) -> None:
        """Let the incident begin; its end comes by itself."""
        world, kind = self._world, incident.kind
        if kind in _SENDS:
            self._order(_SENDS[kind], "sendMessage", incident)
        elif kind in _PROBES:
            self._order(_PROBES[kind], PROBE, incident)
        elif kind == "burst_cut_after":
            self._burst(BURST * incident.count)
        elif kind == "bot_api_unauthorized":
            self._unauthorized(incident.lasting)
        elif kind == "lose_acks":
            world.sandbox.sender.lose_answers(incident.count)
        elif kind in ("backlog_of_one", "backlog_of_many"):
            for number in range(15 * incident.count):
                world.write(incident.who + 1 if kind == "backlog_of_one" else 100 + number)
        elif kind in DATABASE_INCIDENTS:
            self._trouble_database(kind, incident.lasting)
        elif world.instances:
            self._happen_to(incident, world.instances[incident.who % len(world.instances)])

    def _order(self, trouble: _Trouble, method: str, incident: Incident) -> None:
        self._world.sandbox.faults.order(
            trouble.kind,
            count=incident.count,
            method=method,
            delay=incident.lasting * (LATE_BY if trouble.kind is FaultKind.LATE else 1.0),
            retry_after=2,
            status=trouble.status,
            description=trouble.description,
        )

    def _burst(self, people: int) -> None:
        """So many write at the same time, and of as many sends the answers do not arrive."""
        self._world.sandbox.faults.order(FaultKind.CUT_AFTER, count=people, method="sendMessage")
        for number in range(people):
            self._world.write(200 + number)

    def _unauthorized(self, lasting: float) -> None:
        faults = self._world.sandbox.faults
        fault = faults.order(FaultKind.ERROR, count=None, status=401, description="Unauthorized")
        self._world.later(lasting, partial(faults.withdraw, fault))

    def _trouble_database(self, kind: str, lasting: float) -> None:
        database, inbox, later = self._world.database, self._world.inbox, self._world.later
        match kind:
            case "database_away":
                inbox.go_away()
                later(lasting, inbox.come_back)
            case "postgres_restarts":
                self._end_sessions()
                inbox.go_away()
                later(min(lasting, 1.0), inbox.come_back)
            case "standby_away":
                database.standby_goes()
                later(lasting, database.standby_returns)
            case "primary_lost":
                database.standby_goes()
                later(lasting, self._fail_over)
            case "statements_refused":
                database.refusing = True
                later(lasting, lambda: setattr(database, "refusing", False))
            case "rows_locked":
                rows = set(self._world.rng.sample(sorted(inbox.rows), min(3, len(inbox.rows))))
                database.locked |= rows
                later(lasting, lambda: database.locked.difference_update(rows))

    def _fail_over(self) -> None:
        self._end_sessions()
        self._world.database.fail_over()

    def _end_sessions(self) -> None:
        for instance in self._world.instances:
            _end_lock_sessions(instance)

    def _happen_to(self, incident: Incident, instance: SimulatedInstance) -> None:
        world, link, lasting = self._world, instance.link, incident.lasting
        match incident.kind:
            case "kill":
                world.kill(instance)
                world.later(lasting / 4, world.start_instance)
            case "drain":
                self._drain(instance)
            case "stall_in_drain":
                self._cut(link, ("database",), lasting)
                self._drain(instance)
            case "pause":
                self._cut(link, ("database", "lock", "telegram"), lasting)
            case "cut_database" | "cut_lock" | "cut_telegram":
                self._cut(link, (incident.kind.removeprefix("cut_"),), lasting)
            case "no_way_out":
                link.no_way_out_since = link.no_way_out_since or trio.current_time()
                world.later(lasting * incident.count, lambda: setattr(link, "no_way_out_since", None))
            case "lossy_database":
                link.loss = 0.3
                world.later(lasting, lambda: setattr(link, "loss", 0.0))
            case "end_lock_session":
                _end_lock_sessions(instance)

    def _drain(self, instance: SimulatedInstance) -> None:
        self._world.start_instance()
        if not instance.service.lifecycle.draining.is_set():
            instance.service.lifecycle.drain("SIGTERM")

    def _cut(self, link: Link, parts: tuple[str, ...], lasting: float) -> None:
        for part in parts:
            link.cut(part)
            self._world.later(lasting, partial(link.restore, part))


def _end_lock_sessions(instance: SimulatedInstance) -> None:
    for session in instance.lock_sessions:
        if instance.link.is_cut("lock") and not session.session.closed.is_set():
            session.session.orphaned = True
        session.session.abandon()
