"""What `svc status`, `svc transitions` and `svc updates` print: from the rows of `reports` to text for a terminal.

`life_text` has one update's life.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from svc.actions.replay import Tally
from svc.reports.history import leadership_terms

SHOWN_REASONS = 20


def status_text(status: dict[str, Any]) -> str:
    """A line each: whether sending is paused, if it is; who is ACTIVE; every instance that lives; and what waits."""
    who = (
        f"{status['active']} since {status['since']} ({status['active_seconds']:.0f} s)"
        if status["active"]
        else f"none (last: {status['last_active'] or 'never any'})"
    )
    oldest = "" if status["oldest_seconds"] is None else f", the oldest for {status['oldest_seconds']:.0f} s"
    return "\n".join(
        [
            *_paused(status["paused"]),
            f"ACTIVE    {who}",
            f"epoch     {status['epoch'] or 0}",
            *instances_text(status["instances"]),
            f"inbox     {_count(status, 'inbox', ' waiting')}{oldest}",
            f"in doubt  {_in_doubt(status)}",
            f"dead      {_count(status, 'dead')}{_why_dead(status)}",
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
        f" received={moment_text(row['received_at'])} attempts={row['attempts']} doubts={row['doubts']}"
        + (f" {row['note']}" if row["note"] else "")
        for row in updates
    )


def reasons_text(reasons: Sequence[dict[str, Any]]) -> str:
    """One reason a line: of how many updates, why, and when the first and the last of them died."""
    return "\n".join(
        f"{row['updates']} dead: {_line(row['reason'])}"
        f" ({moment_text(row['first_died_at'])} to {moment_text(row['last_died_at'])})"
        for row in reasons
    )


def replayed_text(tally: Tally, *, dry_run: bool) -> str:
    """What a replay of selected updates did, or would do: their number, then their reasons, the most frequent first."""
    verb = "would be replayed" if dry_run else "replayed"
    reasons = tally.chosen.most_common(SHOWN_REASONS)
    more = len(tally.chosen) - len(reasons)
    return "\n".join(
        [
            f"{tally.chosen.total()} of {tally.looked_at} dead updates {verb}",
            *(f"  {updates} dead: {_line(reason)}" for reason, updates in reasons),
            *([f"  and {more} other reasons"] if more else []),
        ]
    )


def moment_text(moment: datetime) -> str:
    """`moment` in this machine's time zone, to the millisecond."""
    return moment.astimezone().isoformat(sep=" ", timespec="milliseconds")


def json_text(value: Any) -> str:
    """`value` as JSON, with times in ISO 8601."""
    return json.dumps(value, default=_encode, ensure_ascii=False)


def instances_text(instances: Sequence[dict[str, Any]] | None) -> Iterator[str]:
    """A line for each; one line where there are none, or where they are not known."""
    if not instances:
        yield f"instances {'not known: no answer in time' if instances is None else 'none'}"
        return
    for number, each in enumerate(instances):
        yield (
            f"{'' if number else 'instances':<9} {each['instance']} {each['state']} since {each['since']}"
            f" ({each['state_seconds']:.0f} s), {_reach(each)}, heard of {each['heard_seconds']:.1f} s ago"
        )


def _reach(instance: dict[str, Any]) -> str:
    if instance["reaches"] is None:
        return "does not know yet whether it reaches Telegram"
    ago = f"({instance['reach_seconds']:.0f} s ago)"
    if instance["reaches"]:
        return f"reaches Telegram {ago}"
    return f"does not reach Telegram {ago}: {instance['reach_error']}"


def _paused(paused: dict[str, Any] | None) -> Iterator[str]:
    if paused is not None:
        since = f" since {paused['since']} ({paused['seconds']:.0f} s)" if paused["since"] else ""
        yield f"PAUSED    nothing is sent{since}: {_line(paused['reason'])}"


def _count(status: dict[str, Any], name: str, what: str = "") -> str:
    if status[name] is None:
        return "not known: no answer in time"
    return f"{'' if status[f'{name}_exact'] else 'about '}{status[name]}{what}"


def _in_doubt(status: dict[str, Any]) -> str:
    """How many may or may not have been sent; about those that are not looked for the policy decides."""
    if status["in_doubt"] is None:
        return "not known"
    looked_for = f", of which {status['looked_for']} are looked for" if status["looked_for"] else ""
    return f"{status['in_doubt']}{looked_for}"


def _why_dead(status: dict[str, Any]) -> str:
    if not status["dead_reasons"]:
        return ""
    of = "" if status["dead_reasons_of"] == status["dead"] else f", of the latest {status['dead_reasons_of']}"
    reasons = "; ".join(f"{_line(each['reason'])} ({each['updates']})" for each in status["dead_reasons"])
    return f"{of}: {reasons} (all: svc updates reasons)"


def _line(text: str) -> str:
    return " ".join(text.split())


def _webhook(webhook: dict[str, Any]) -> str:
    if "unknown" in webhook:
        return f"not known: {webhook['unknown']}"
    pending = webhook.get("pending_update_count", 0)
    error = f", last error: {webhook['last_error_message']}" if "last_error_message" in webhook else ""
    return f"{webhook.get('url') or 'not set'}, {pending} pending at Telegram{error}"


def _transition(row: dict[str, Any]) -> str:
    epoch = "" if row["epoch"] is None else f" epoch={row['epoch']}"
    return (
        f"{moment_text(row['at'])} {row['instance_id']}: {row['from_state']} -> {row['to_state']}"
        f" ({row['trigger']}: {row['reason']}){epoch} after {row['held']:.1f} s"
    )


def _terms(transitions: Sequence[dict[str, Any]]) -> Iterator[str]:
    for term in leadership_terms(transitions):
        gap = "" if term.gap is None else f"  nobody for {term.gap:.3f} s before"
        until = f"until {moment_text(term.end)}: {term.ended_by}" if term.end else "and still"
        yield f"ACTIVE {term.instance} epoch={term.epoch} from {moment_text(term.start)} {until}{gap}"


def _encode(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
