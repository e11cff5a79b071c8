"""What `svc updates show` prints: one update's life, and what its state means for the person who waits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from svc.operations.printing.document import Document, Line, Tone, Words, line
from svc.operations.printing.durations import duration_text
from svc.operations.printing.output import TO_MILLISECONDS, moment_text
from svc.operations.texts.updates import STATE_TONES
from svc.storage.inbox import SENDS_IN_DOUBT

EVENTS = {
    "replay": "replay by an operator",
    "repeat": "repeat: in doubt, and every call may be made twice without harm",
    "resend": "resend: in doubt, so it is sent once more",
    "skipped": "skipped: in doubt, so it is not sent again",
    "in_doubt": "in doubt: what was sent may have arrived, so it is looked for before anything is sent again",
    "looked": "looked for: not found so far",
    "found": "found: the message is there, so nothing is sent again",
    "not_found": "not found: nothing is there, so it is sent again",
}
"""What an event of the history is called, where its own name does not say enough."""

EVENT_TONES: Mapping[str, Tone] = {
    "done": "good",
    "found": "good",
    "dead": "bad",
    "discard": "bad",
    "in_doubt": "warn",
    "looked": "warn",
    "retry": "warn",
}
CALL_TONES: Mapping[str, Tone] = {
    "ok": "good",
    "in_doubt": "warn",
    "not_sent": "warn",
    "flood": "warn",
    "refused": "bad",
}

MORE = ("message_id", "look", "probes", "why", "delay", "error", "by")
"""What an event may say besides, in this order."""


def life_document(update: dict[str, Any]) -> Document:
    """One update from its arrival to its end, an event a line, with its payload if it is still there."""
    return list(_life(update))


def _life(update: dict[str, Any]) -> Iterator[Line]:
    yield line(
        Words(f"update {update['update_id']}", "strong"),
        f" ({update['update_type']}, chat {update['chat_id']}): ",
        Words(update["state"], STATE_TONES.get(update["state"], "")),
        f", {update['note']}" if update["note"] and update["note"] != update["state"] else "",
    )
    yield _event(moment_text(update["received_at"]), f"received by {update['received_by']}")
    for entry in update["history"]:
        yield from _entry(entry)
    if update["ended_at"] is not None and not update["history"]:
        yield _event(moment_text(update["ended_at"]), update["note"])
    elif update["state"] == "pending":
        yield _event(moment_text(update["available_at"]), "due")
    if blocked_by := update.get("blocked_by"):
        yield _blocked(blocked_by)
    yield line(f"attempts: {update['attempts']}, sends that stayed in doubt: {update['doubts']}")
    for text in _explained(update):
        yield line(text)
    if update["payload"] is not None:
        yield line(update["payload"])


def _blocked(blocked_by: dict[str, Any]) -> Line:
    """What it waits for, if for anything."""
    until = f", until {moment_text(datetime.fromisoformat(blocked_by['until']))}" if blocked_by["until"] else ""
    return line(Words("now: ", "note"), f"{blocked_by['why']}{until}")


def _entry(entry: dict[str, Any]) -> Iterator[Line]:
    where = "".join(f" {name}={entry[name]}" for name in ("instance", "epoch") if name in entry)
    if "began" in entry:
        yield _event(_time_of(entry["began"]), "begun", where=where)
    for call in entry.get("calls", ()):
        message = f", message {call['message_id']}" if "message_id" in call else ""
        outcome = Words(call["outcome"], CALL_TONES.get(call["outcome"], ""))
        yield line(f"{call['method']}: ", outcome, f" in {duration_text(call['ms'] / 1000)}{message}", indent=4)
    more = "".join(f" {name}={entry[name]}" for name in MORE if name in entry)
    event, tone = EVENTS.get(entry["event"], entry["event"]), EVENT_TONES.get(entry["event"], "")
    yield _event(_time_of(entry["at"]), event, tone, where="" if "began" in entry else where, more=more)


def _event(moment: str, event: str, tone: Tone = "", *, where: str = "", more: str = "") -> Line:
    return line(
        Words(moment, "faint", short=moment[:TO_MILLISECONDS]), " ", Words(event, tone), Words(where, "faint"), more
    )


def _explained(update: dict[str, Any]) -> Iterator[str]:
    if update["state"] == "in_doubt" and update["looked_for"]:
        yield _looked_for(update)
    elif update["state"] == "in_doubt":
        yield f"in doubt: term {update['epoch']}, which began it, has ended. {_what_follows(update)}"
    elif update["state"] == "processing" and update["repeatable"]:
        yield "every call of this attempt may be made twice without harm"
    elif update["state"] == "dead" and update["doubts"] >= SENDS_IN_DOUBT:
        yield (
            f"sent {update['doubts']} times without a clear answer: it cannot be told whether it arrived, so it is not"
            f" sent again (svc updates replay {update['update_id']} sends it once more)"
        )
    if update["blamed"]:
        yield f"leaders that ended while its handler was being called: {update['blamed']}"
    replays = sum(entry["event"] == "replay" for entry in update["history"])
    if replays and update["aged_from"] is not None:
        yield f"replayed: its age and its attempts count from {moment_text(update['aged_from'])}"
    elif replays:
        yield f"replays: {replays}"


def _looked_for(update: dict[str, Any]) -> str:
    looks = f"in doubt: looked for {update['looks']} times, and {update['absent']} times in turn not found"
    if update["may_begin"]:
        return f"{looks}, so it is sent again"
    if update["look_at"] is None:
        return f"{looks}. It is looked for when its owner is known to be gone"
    return f"{looks}. The next look is due at {moment_text(update['look_at'])}"


def _what_follows(update: dict[str, Any]) -> str:
    if update["repeatable"]:
        return "Every call of it may be made twice without harm, so they are made again"
    if update["doubts"] + 1 >= SENDS_IN_DOUBT:
        return f"It may have been sent {update['doubts'] + 1} times already and is not sent again"
    return "It is sent once more or left out, as IN_DOUBT or IN_DOUBT_FALLBACK says"


def _time_of(iso: str) -> str:
    return moment_text(datetime.fromisoformat(iso))
