"""What `svc status` says: from what `svc.reports.status` has found to lines and tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from svc.operations.printing.document import Column, Document, Facts, Line, Table, Tone, Words, line
from svc.operations.printing.durations import duration_text
from svc.operations.printing.output import short_moment
from svc.reports.pauses import BOT

STATE_TONES: Mapping[str, Tone] = {"ACTIVE": "good", "PASSIVE": "note", "DRAINING": "warn", "BOOT": "faint"}
OPEN_JOBS = ("wanted", "submitting", "running", "ready")
ENDED_JOBS = ("delivered", "failed", "cancelled", "unknown")
JOB_TONES: Mapping[str, Tone] = {
    "wanted": "note",
    "submitting": "note",
    "running": "note",
    "ready": "good",
    "delivered": "good",
    "failed": "bad",
    "cancelled": "faint",
    "unknown": "warn",
}
REASONS = 3
"""Why updates are dead: so many of the reasons are told."""

SILENT = 5.0
"""Seconds without a heartbeat after which an instance is hardly in the state any more that it told last."""

NOT_KNOWN = Words("not known: no answer in time", "warn")

_INSTANCES = (
    Column("instance", folds=True),
    Column("state"),
    Column("since", plain="since {}"),
    Column("for", plain="({}),"),
    Column("heard of", plain="heard of {} ago,", right=True),
    Column("Telegram", detail=True, folds=True),
)


def status_document(status: Mapping[str, Any]) -> Document:
    """Whether sending is paused, if it is; who is ACTIVE; what operators have paused; who lives; and what waits."""
    return [Facts(list(_facts(status)))]


def _facts(status: Mapping[str, Any]) -> Iterator[tuple[str, Line | Table]]:
    if status["paused"] is not None:
        yield "PAUSED", _paused(status["paused"])
    yield "ACTIVE", _active(status)
    yield "epoch", line(str(status["epoch"] or 0))
    yield from _pauses(status["pauses"])
    yield "instances", _instances(status["instances"])
    yield "inbox", _inbox(status)
    yield "in doubt", _in_doubt(status)
    yield "dead", line(*_dead(status))
    yield "jobs", line(*_jobs(status["jobs"]))
    yield "webhook", line(*_webhook(status["webhook"]))


def _paused(paused: Mapping[str, Any]) -> Line:
    since = f" since {paused['since']} ({duration_text(paused['seconds'])})" if paused["since"] else ""
    short = f" for {duration_text(paused['seconds'])}" if paused["since"] else ""
    return line(Words("nothing is sent", "bad"), Words(since, short=short), f": {paused['reason']}")


def _active(status: Mapping[str, Any]) -> Line:
    if not status["active"]:
        return line(Words("none", "bad"), f" (last: {status['last_active'] or 'never any'})")
    since = status["since"]
    lasted = f" ({duration_text(status['active_seconds'])})"
    return line(Words(status["active"], "good"), Words(f" since {since}", short=f" since {_short(since)}"), lasted)


def _pauses(pauses: Sequence[Mapping[str, Any]] | None) -> Iterator[tuple[str, Line]]:
    """What operators have ordered not to be sent or created; nothing where they have not."""
    if pauses is None:
        yield "pauses", line(NOT_KNOWN)
    ordered = [each for each in pauses or () if each["scope"] != BOT]  # its own is told as PAUSED
    for number, each in enumerate(ordered):
        what = "all sending" if each["scope"] == "sending" else f"{each['scope']} {each['name']}"
        by = f", by {each['by']}, {duration_text(each['seconds'])} ago"
        yield "" if number else "pauses", line(Words(what, "warn"), by, f": {each['reason']}")


def _instances(instances: Sequence[Mapping[str, Any]] | None) -> Line | Table:
    if not instances:
        return line(NOT_KNOWN if instances is None else Words("none", "bad"))
    return Table(_INSTANCES, [_instance(each) for each in instances])


def _instance(instance: Mapping[str, Any]) -> list[Words]:
    silent = instance["heard_seconds"] > SILENT
    return [
        Words(instance["instance"]),
        Words(instance["state"], "faint" if silent else STATE_TONES.get(instance["state"], "")),
        Words(instance["since"], short=""),  # a person reads how long that is
        Words(duration_text(instance["state_seconds"])),
        Words(heard := duration_text(instance["heard_seconds"]), "warn" if silent else "", short=f"{heard} ago"),
        _reach(instance),
    ]


def _reach(instance: Mapping[str, Any]) -> Words:
    if instance["reaches"] is None:
        return Words("does not know yet whether it reaches Telegram", "faint", short="not tried yet")
    ago = f"{duration_text(instance['reach_seconds'])} ago"
    if instance["reaches"]:
        return Words(f"reaches Telegram ({ago})", "good", short=f"reached {ago}")
    why = instance["reach_error"]
    return Words(f"does not reach Telegram ({ago}): {why}", "bad", short=f"not reached {ago}: {why}")


def _inbox(status: Mapping[str, Any]) -> Line:
    waiting = status["oldest_seconds"]
    oldest = "" if waiting is None else f", the oldest for {duration_text(waiting)}"
    return line(_count(status, "inbox", " waiting"), oldest)


def _count(status: Mapping[str, Any], name: str, what: str = "", tone: Tone = "") -> Words:
    if status[name] is None:
        return NOT_KNOWN
    return Words(f"{'' if status[f'{name}_exact'] else 'about '}{status[name]}{what}", tone if status[name] else "")


def _in_doubt(status: Mapping[str, Any]) -> Line:
    """How many may or may not have been sent; about those that are not looked for the policy decides."""
    if status["in_doubt"] is None:
        return line(Words("not known", "warn"))
    looked_for = f", of which {status['looked_for']} are looked for" if status["looked_for"] else ""
    return line(Words(str(status["in_doubt"]), "warn" if status["in_doubt"] else ""), looked_for)


def _dead(status: Mapping[str, Any]) -> Iterator[Words | str]:
    yield _count(status, "dead", tone="bad")
    if not status["dead_reasons"]:
        return
    if status["dead_reasons_of"] != status["dead"]:
        yield f", of the latest {status['dead_reasons_of']}"
    most = status["dead_reasons"][:REASONS]
    yield ": " + "; ".join(f"{each['reason']} ({each['updates']})" for each in most)
    yield Words(" (all: svc updates reasons)", "faint")


def _jobs(jobs: Sequence[Mapping[str, Any]] | None) -> Iterator[Words | str]:
    """Those that are not over, and those that have ended in the last 24 hours, of all providers."""
    if jobs is None:
        yield NOT_KNOWN
        return
    by_state = Counter[str]()
    for each in jobs:
        by_state[each["state"]] += each["jobs"]
    yield from _numbers(by_state, OPEN_JOBS) or ["none open"]
    if ended := _numbers(by_state, ENDED_JOBS):
        yield "; in the last 24 h "
        yield from ended


def _numbers(jobs: Mapping[str, int], states: Sequence[str]) -> list[Words | str]:
    found: list[Words | str] = []
    for state in states:
        if jobs.get(state):
            found += [", "] if found else []
            found.append(Words(f"{jobs[state]} {state}", JOB_TONES[state]))
    return found


def _webhook(webhook: Mapping[str, Any]) -> Iterator[Words | str]:
    if "unknown" in webhook:
        yield Words(f"not known: {webhook['unknown']}", "warn")
        return
    pending = webhook.get("pending_update_count", 0)
    yield webhook.get("url") or "not set"
    yield Words(f", {pending} pending at Telegram", "warn" if pending else "")
    if "last_error_message" in webhook:
        yield Words(f", last error: {webhook['last_error_message']}", "warn")


def _short(iso: str) -> str:
    return short_moment(datetime.fromisoformat(iso))
