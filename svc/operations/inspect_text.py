"""What `svc status`, `svc transitions` and `svc updates` print: from the rows of `reports` to text for a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from svc.operations.reports import leadership_terms


def status_text(status: dict[str, Any]) -> str:
    """Who is ACTIVE, and what waits: six lines."""
    who = (
        f"{status['active']} since {status['since']} ({status['active_seconds']:.0f} s)"
        if status["active"]
        else f"none (last: {status['last_active'] or 'never any'})"
    )
    oldest = "" if status["oldest_seconds"] is None else f", the oldest for {status['oldest_seconds']:.0f} s"
    return "\n".join(
        [
            f"ACTIVE    {who}",
            f"epoch     {status['epoch'] or 0}",
            f"inbox     {status['inbox']} waiting{oldest}",
            f"in doubt  {status['in_doubt']}",
            f"dead      {status['dead']}",
            f"webhook   {_webhook(status['webhook'])}",
        ]
    )


def history_text(transitions: Sequence[dict[str, Any]]) -> str:
    """Every transition on a line, then who was ACTIVE when."""
    if not transitions:
        return "no instance has run yet"
    return "\n".join([*map(_transition, transitions), "", *_terms(transitions)])


def updates_text(updates: Sequence[dict[str, Any]]) -> str:
    """One update a line."""
    return "\n".join(
        f"{row['update_id']} {row['state']} {row['update_type']} chat={row['chat_id']}"
        f" received={_time(row['received_at'])} attempts={row['attempts']} doubts={row['doubts']}"
        + (f" {row['note']}" if row["note"] else "")
        for row in updates
    )


def life_text(update: dict[str, Any]) -> str:
    """One update from its arrival to its end, an event a line, with its payload if it is still there."""
    return "\n".join(_life(update))


def json_text(value: Any) -> str:
    """`value` as JSON, with times in ISO 8601."""
    return json.dumps(value, default=_encode, ensure_ascii=False)


def _webhook(webhook: dict[str, Any]) -> str:
    if "unknown" in webhook:
        return f"not known: {webhook['unknown']}"
    pending = webhook.get("pending_update_count", 0)
    error = f", last error: {webhook['last_error_message']}" if "last_error_message" in webhook else ""
    return f"{webhook.get('url') or 'not set'}, {pending} pending at Telegram{error}"


def _transition(row: dict[str, Any]) -> str:
    epoch = "" if row["epoch"] is None else f" epoch={row['epoch']}"
    return (
        f"{_time(row['at'])} {row['instance_id']}: {row['from_state']} -> {row['to_state']}"
        f" ({row['trigger']}: {row['reason']}){epoch} after {row['held']:.1f} s"
    )


def _terms(transitions: Sequence[dict[str, Any]]) -> Iterator[str]:
    for term in leadership_terms(transitions):
        gap = "" if term.gap is None else f"  nobody for {term.gap:.3f} s before"
        until = f"until {_time(term.end)}: {term.ended_by}" if term.end else "and still"
        yield f"ACTIVE {term.instance} epoch={term.epoch} from {_time(term.start)} {until}{gap}"


def _life(update: dict[str, Any]) -> Iterator[str]:
    yield f"update {update['update_id']} ({update['update_type']}, chat {update['chat_id']}): {update['state']}" + (
        f", {update['note']}" if update["note"] else ""
    )
    yield f"{_time(update['received_at'])} received by {update['received_by']}"
    for entry in update["history"]:
        yield from _entry(entry)
    if update["ended_at"] is not None and not update["history"]:
        yield f"{_time(update['ended_at'])} {update['note']}"
    elif update["state"] == "pending":
        yield f"{_time(update['available_at'])} due"
    yield f"{update['attempts']} attempts, {update['doubts']} sends in doubt"
    if update["payload"] is not None:
        yield update["payload"]


def _entry(entry: dict[str, Any]) -> Iterator[str]:
    where = "".join(f" {name}={entry[name]}" for name in ("instance", "epoch", "why") if name in entry)
    if "began" in entry:
        yield f"{_time_of(entry['began'])} begun{where}"
    for call in entry.get("calls", ()):
        yield f"    {call['method']}: {call['outcome']} in {call['ms']:.0f} ms"
    more = "".join(f" {name}={entry[name]}" for name in ("delay", "error") if name in entry)
    yield f"{_time_of(entry['at'])} {entry['event']}{'' if 'began' in entry else where}{more}"


def _time(moment: datetime) -> str:
    return moment.astimezone().isoformat(sep=" ", timespec="milliseconds")


def _time_of(iso: str) -> str:
    return _time(datetime.fromisoformat(iso))


def _encode(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
