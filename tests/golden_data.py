"""What the golden files of the commands are made of: rows as the database gives them, good and evil."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from svc.actions.dead_letters import Tally
from svc.operations.printing.document import Document
from svc.operations.texts.actions import actions_document
from svc.operations.texts.history import history_document
from svc.operations.texts.jobs import job_document, jobs_document
from svc.operations.texts.life import life_document
from svc.operations.texts.status import status_document
from svc.operations.texts.updates import reasons_document, tally_document, updates_document
from svc.operations.watch import Look, watch_document

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
ONE, TWO, THREE = "bot-7d9f8b6c5-x2x7k-1-a41f", "bot-7d9f8b6c5-q9zlp-1-77c0", "web-2-4711-0b3e"
EVIL = "Forbidden: [bold red]no[/] \x1b[2J\x1b]0;owned\x07 \u202eevil\u202c {0} two\nlines \ud800"
LONG = (
    "the Bot API answered 502 Bad Gateway to sendMessage five times in turn, and what it says of that is nothing at all"
)


def ago(seconds: float) -> datetime:
    """So long before noon."""
    return NOON - timedelta(seconds=seconds)


def instance(name: str, state: str, lasted: float, **more: Any) -> dict[str, Any]:
    """One that lives."""
    known = {"reaches": True, "reach_error": None, "reach_seconds": 0.8, "heard_seconds": 0.4}
    since = ago(lasted).isoformat()
    return {"instance": name, "state": state, "since": since, "state_seconds": lasted, "epochs": []} | known | more


STATUS: dict[str, Any] = {
    "paused": None,
    "active": ONE,
    "since": ago(273_600).isoformat(),
    "active_seconds": 273_600.0,
    "epoch": 7,
    "last_active": ONE,
    "instances": [
        instance(ONE, "ACTIVE", 273_600.0),
        instance(TWO, "PASSIVE", 125.0, reaches=False, reach_error="InDoubt: ConnectTimeout", reach_seconds=3.0),
        instance(THREE, "DRAINING", 4.2, reaches=None, reach_seconds=None, heard_seconds=31.0),
    ],
    "inbox": 12,
    "inbox_exact": True,
    "oldest_seconds": 4.3,
    "in_doubt": 2,
    "looked_for": 1,
    "dead": 10,
    "dead_exact": True,
    "dead_reasons_of": 10,
    "dead_reasons": [{"reason": "401 Unauthorized", "updates": 8}, {"reason": EVIL, "updates": 2}],
    "pauses": [],
    "jobs": [
        {"provider": "kie", "state": state, "jobs": number}
        for state, number in (("running", 3), ("wanted", 1), ("delivered", 210), ("failed", 4))
    ],
    "webhook": {"url": "https://bot.example.org/webhook", "pending_update_count": 0},
}
PAUSED: dict[str, Any] = STATUS | {
    "paused": {"reason": "an operator wants it: database moves", "since": ago(65).isoformat(), "seconds": 65.0},
    "active": None,
    "since": None,
    "active_seconds": None,
    "instances": None,
    "inbox": 250_000,
    "inbox_exact": False,
    "oldest_seconds": 7260.0,
    "in_doubt": None,
    "dead": None,
    "dead_reasons_of": None,
    "dead_reasons": [],
    "jobs": None,
    "pauses": [
        {"scope": "sending", "name": "", "by": "anna@ops-1", "seconds": 66.0, "reason": "database moves"},
        {"scope": "model", "name": "kling-3.0/video", "by": "boris@ops-2", "seconds": 90_000.0, "reason": EVIL},
    ],
    "webhook": {"unknown": "NotSent: ConnectError: All connection attempts failed"},
}


def step(
    seconds: float, name: str, source: str, target: str, trigger: str, reason: str, epoch: int | None, held: float
) -> dict[str, Any]:
    """A transition."""
    states = {"from_state": source, "to_state": target, "trigger": trigger, "reason": reason}
    return {"at": ago(seconds), "instance_id": name, "epoch": epoch, "held": held} | states


TRANSITIONS = [
    step(9000.0, ONE, "BOOT", "PASSIVE", "booted", "started", None, 0.812),
    step(8999.7, ONE, "PASSIVE", "ACTIVE", "lock_acquired", "the lock was free", 6, 0.3),
    step(600.0, TWO, "BOOT", "PASSIVE", "booted", "started", None, 1.2),
    step(61.5, ONE, "ACTIVE", "PASSIVE", "lease_lost", LONG, 6, 8938.2),
    step(61.088, TWO, "PASSIVE", "ACTIVE", "lock_acquired", "the lock was free", 7, 538.912),
]

UPDATES = [
    {
        "update_id": update_id,
        "chat_id": chat_id,
        "update_type": kind,
        "received_at": ago(age),
        "state": state,
        "attempts": attempts,
        "doubts": doubts,
        "note": note,
    }
    for update_id, chat_id, kind, age, state, attempts, doubts, note in (
        (906691060, 1001, "message", 187_200, "dead", 5, 2, LONG),
        (906691061, -1001234567890, "callback_query", 3.21, "processing", 1, 0, None),
        (906691062, 1002, "pre_checkout_query", 125, "in_doubt", 2, 1, EVIL),
    )
]

LIFE: dict[str, Any] = {
    "update_id": 906691060,
    "chat_id": 1001,
    "update_type": "message",
    "received_at": ago(187_200),
    "received_by": ONE,
    "state": "dead",
    "attempts": 2,
    "doubts": 2,
    "note": "it cannot be told whether it was sent",
    "payload": '{"update_id":906691060,"message":{"text":"\x1b[31m/start [b]"}}',
    "available_at": None,
    "ended_at": ago(187_100),
    "epoch": None,
    "repeatable": None,
    "blamed": 1,
    "aged_from": None,
    "looked_for": None,
    "may_begin": None,
    "looks": None,
    "absent": None,
    "look_at": None,
    "history": [
        {
            "event": "in_doubt",
            "at": ago(187_190).isoformat(),
            "began": ago(187_199.5).isoformat(),
            "instance": ONE,
            "epoch": 6,
            "calls": [
                {"method": "answerCallbackQuery", "outcome": "ok", "ms": 41.2},
                {"method": "sendMessage", "outcome": "in_doubt", "ms": 9004.0},
            ],
            "error": "504 Gateway Timeout",
        },
        {
            "event": "looked",
            "at": ago(187_180).isoformat(),
            "instance": TWO,
            "epoch": 7,
            "look": 1,
            "probes": 3,
            "why": "429",
        },
        {"event": "replay", "at": ago(187_150).isoformat()},
        {"event": "dead", "at": ago(187_100).isoformat(), "error": EVIL},
    ],
}

REASONS = [
    {"reason": reason, "updates": updates, "first_died_at": ago(90_000), "last_died_at": ago(60)}
    for reason, updates in (("401 Unauthorized", 8123), (LONG, 40), (EVIL, 2))
]

JOB: dict[str, Any] = {
    "job_id": 906691064,
    "chat_id": 1001,
    "user_id": 1001,
    "provider": "kie",
    "model": "bytedance/seedance-1.5-pro-image-to-video",
    "state": "failed",
    "created_at": ago(400),
    "submitted_at": ago(399),
    "ready_at": None,
    "ended_at": ago(60),
    "attempts": 1,
    "polls": 12,
    "task_id": "e3e70682c2094cac629f6fbed82c07cd",
    "error": "refused",
    "error_text": EVIL,
    "input": {"prompt": "a cat \x1b[31m in [red]"},
    "hint": None,
    "results": [{"kind": "photo", "name": "cat.png", "url": "https://files.example/cat.png"}],
    "sent_id": None,
    "history": [
        {"event": "asked", "at": ago(400).isoformat()},
        {"event": "handed_in", "at": ago(399).isoformat(), "task": "e3e70682c2094cac629f6fbed82c07cd"},
        {"event": "failed", "at": ago(60).isoformat(), "why": EVIL},
    ],
}
JOBS = [JOB, JOB | {"job_id": 906691070, "state": "running", "model": "z-image", "error": None, "error_text": None}]

ACTIONS = [
    {
        "at": ago(seconds),
        "operator": operator,
        "via": via,
        "action": action,
        "detail": detail,
        "outcome": outcome,
        "ended_at": None if outcome is None else ago(seconds - 1),
    }
    for seconds, operator, via, action, detail, outcome in (
        (30, "anna@ops-1", "command", "pause", {"scope": "sending", "reason": "database moves"}, "paused"),
        (60, "Boris (192.0.2.7)", "page", "discard", {"reason": EVIL, "older_than": 3600.0}, "discarded 12 of 40"),
        (90, "anna@ops-1", "command", "replay", {"ids": [906691060, 906691061]}, None),
    )
]


def tally() -> Tally:
    """Of a replay."""
    counted = Tally(looked_at=10)
    counted.chosen.update({"401 Unauthorized": 8, EVIL: 1})
    return counted


DOCUMENTS: Mapping[str, Document] = {
    "status": status_document(STATUS),
    "status_paused": status_document(PAUSED),
    "status_watch": watch_document(Look(NOON, STATUS, ago(12), "the database does not answer: TimeoutError"), 2.0),
    "transitions": history_document(TRANSITIONS),
    "updates_list": updates_document(UPDATES, NOON),
    "updates_show": life_document(LIFE),
    "updates_reasons": reasons_document(REASONS),
    "updates_replay": tally_document(tally(), "replayed"),
    "jobs_list": jobs_document(JOBS),
    "jobs_show": job_document(JOB),
    "actions": actions_document(ACTIONS),
}
"""What each command says, by its name."""
