"""One update's life as spans of time, from the row that `show_update` returns; and what an update waits behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from svc.reports.views import BlockedBy, Span
from svc.storage.database import Database

_LOOKS = {"looked", "found", "not_found"}
_RESOLVED = {"found", "not_found", "repeat", "resend", "skipped", "dead"}
_LABELS = {
    "replay": "replayed by an operator",
    "discarded": "discarded by an operator",
    "repeat": "every call of it may be made twice: made again",
    "resend": "in doubt: sent once more",
    "skipped": "in doubt: not sent again",
    "looked": "looked for: not found so far",
    "found": "looked for: found",
    "not_found": "looked for: not there",
    "dead": "given up",
}
_MORE = ("why", "look", "probes", "message_id", "delay", "error")
"""What an entry of the history may say besides, in this order."""


def update_spans(row: dict[str, Any], began: datetime | None = None) -> list[Span]:
    """The steps of an update's life, in their order. `began` is when the attempt that goes on now was begun."""
    return list(_Life(row["received_at"]).of(row, began))


class _Life:
    """Walks the history. `_free` is the time from which on the update waits, None while it does not."""

    def __init__(self, received_at: datetime) -> None:
        self._received_at = received_at
        self._free: datetime = received_at
        self._doubt: tuple[datetime, dict[str, Any]] | None = None

    def of(self, row: dict[str, Any], began: datetime | None) -> Iterator[Span]:
        yield self._span("received", f"received by {row['received_by']}", self._received_at, self._received_at)
        for entry in row["history"]:
            yield from self._entry(entry)
        if row["ended_at"] is not None:
            yield self._span("ended", row["state"], row["ended_at"], row["ended_at"], outcome=row["note"])
        elif self._doubt is not None:
            yield self._doubted(None)
        elif row["state"] == "pending":
            yield self._span("waiting", "waits", self._free, None, detail=row["note"] or "")
        else:
            yield from self._goes_on(row, began)

    def _goes_on(self, row: dict[str, Any], began: datetime | None) -> Iterator[Span]:
        """Begun and not settled yet: by a worker of now, or under a term that has ended."""
        start = began or self._free
        yield from self._waited(start)
        label = "begun; its term has ended" if row["state"] == "in_doubt" else "being answered"
        yield self._span("attempt", label, start, None, detail=_at(row))

    def _entry(self, entry: dict[str, Any]) -> Iterator[Span]:
        event, at = entry["event"], datetime.fromisoformat(entry["at"])
        if "began" in entry and entry["began"] is not None:
            began = datetime.fromisoformat(entry["began"])
            if began >= self._free:
                yield from self._waited(began)
                yield self._span("attempt", _attempt_label(entry), began, at, outcome=event, detail=_detail(entry))
                yield from self._calls(entry, began, at)
        if self._doubt is not None and event in _RESOLVED:
            yield self._doubted(at)
        if event in _LOOKS:
            yield self._span("look", _LABELS[event], at, at, level=1, outcome=event, detail=_detail(entry))
        elif event == "replay":
            yield self._span("replay", _LABELS[event], at, at)
        elif "calls" not in entry and event != "in_doubt":
            yield self._span("doubt", _LABELS.get(event, event), at, at, outcome=event, detail=_detail(entry))
        if event == "in_doubt":
            self._doubt = at, entry
        self._free = max(self._free, at)

    def _waited(self, until: datetime) -> Iterator[Span]:
        if until > self._free:
            yield self._span("waiting", "waited", self._free, until)

    def _doubted(self, until: datetime | None) -> Span:
        assert self._doubt is not None
        (since, entry), self._doubt = self._doubt, None
        return self._span("doubt", "in doubt: it may have been sent", since, until, detail=_detail(entry))

    def _calls(self, entry: dict[str, Any], began: datetime, ended: datetime) -> Iterator[Span]:
        """The calls of an attempt, one after the other up to its end: how long each took is known, not its begin."""
        calls = entry.get("calls", ())
        end = self._after(ended)
        starts = []
        for call in reversed(calls):
            end -= call["ms"] / 1000
            starts.append(max(self._after(began), end))
        for call, start in zip(calls, reversed(starts), strict=True):
            message = f"message {call['message_id']}" if "message_id" in call else ""
            stop = min(start + call["ms"] / 1000, self._after(ended))
            at = entry["began"]
            yield Span("call", call["method"], round(start, 4), round(stop, 4), 1, call["outcome"], message, at)

    def _span(
        self,
        kind: str,
        label: str,
        start: datetime,
        end: datetime | None,
        *,
        level: int = 0,
        outcome: str | None = None,
        detail: str = "",
    ) -> Span:
        until = None if end is None else round(self._after(end), 4)
        return Span(kind, label, round(self._after(start), 4), until, level, outcome, detail, start.isoformat())

    def _after(self, moment: datetime) -> float:
        return (moment - self._received_at).total_seconds()


def _attempt_label(entry: dict[str, Any]) -> str:
    return f"answered by {entry['instance']}" if "instance" in entry else "begun"


def _detail(entry: dict[str, Any]) -> str:
    more = [f"{name.replace('_', ' ')} {entry[name]}" for name in _MORE if entry.get(name) is not None]
    return ", ".join(filter(None, [_at(entry), *more]))


def _at(entry: dict[str, Any]) -> str:
    return f"epoch {entry['epoch']}" if entry.get("epoch") is not None else ""


def job_spans(job: dict[str, Any]) -> list[Span]:
    """The steps of a job's life, each lasting until the next; the last one of a job that goes on has no end."""
    entries = [(datetime.fromisoformat(entry["at"]), entry) for entry in job["history"]]
    asked: datetime = job["created_at"]
    steps = [(asked, {"event": "asked for"}), *entries]
    ends: Sequence[datetime | None] = [at for at, _ in steps[1:]] + [job["ended_at"] and steps[-1][0]]
    return [_step(asked, at, end, entry) for (at, entry), end in zip(steps, ends, strict=True)]


def _step(asked: datetime, at: datetime, end: datetime | None, entry: dict[str, Any]) -> Span:
    more = ", ".join(
        f"{name.replace('_', ' ')} {value}" for name, value in entry.items() if name not in ("at", "event", "text")
    )
    start = round((at - asked).total_seconds(), 4)
    until = None if end is None else round((end - asked).total_seconds(), 4)
    return Span("step", entry["event"], start, until, detail=more, at=at.isoformat())


# What keeps an update from going on. By inbox_chat_order; `first` is the oldest row of its chat before it. The end of a
# job (an id below zero) comes before all that waits, and after what is in doubt.
BLOCKED = """
SELECT i.state, i.started_at, i.available_at, i.available_at > now() AS later,
       CASE i.state WHEN 'in_doubt' THEN nullif(i.look_at, 'infinity') END AS look_at,
       i.epoch IS DISTINCT FROM l.epoch AS ended,
       (SELECT o.update_id FROM inbox o
        WHERE o.bot_id = $1 AND o.chat_id = i.chat_id AND i.chat_id <> 0
          AND (o.update_id < i.update_id AND (o.update_id >= 0 OR i.state <> 'in_doubt')
               OR i.update_id < 0 AND o.update_id >= 0 AND o.state = 'in_doubt')
        ORDER BY o.update_id LIMIT 1) AS first,
       (SELECT p.reason FROM pauses p WHERE p.bot_id = $1 AND p.scope = 'sending') AS pause_reason,
       (SELECT p.paused_by FROM pauses p WHERE p.bot_id = $1 AND p.scope = 'sending') AS paused_by,
       l.paused_reason AS bot_reason
FROM inbox i LEFT JOIN leadership l ON l.bot_id = $1 WHERE i.bot_id = $1 AND i.update_id = $2
"""


@dataclass(frozen=True)
class Waits:
    """What is known of an update in the inbox besides its life: when it was begun, and what it waits behind."""

    began: datetime | None
    blocked_by: BlockedBy


async def waits(database: Database, bot_id: int, update_id: int) -> Waits | None:
    """None for one that is not in the inbox (any more)."""
    rows = await database.fetch(BLOCKED, bot_id, update_id)
    return Waits(rows[0]["started_at"], blocked_by(dict(rows[0]))) if rows else None


def blocked_by(facts: dict[str, Any]) -> BlockedBy:
    """Why an update does not go on, from a row of BLOCKED: the first reason that holds."""
    if facts["state"] == "processing" and not facts["ended"]:
        return BlockedBy("it is being answered now")
    if facts["pause_reason"] is not None:
        return BlockedBy(f"sending is paused by {facts['paused_by']}: {facts['pause_reason']}")
    if facts["bot_reason"] is not None:
        return BlockedBy(f"nothing is sent: {facts['bot_reason']}")
    if facts["first"] is not None and facts["first"] < 0:
        return BlockedBy(f"the end of job {-facts['first']} of its chat is told first", facts["first"])
    if facts["first"] is not None:
        return BlockedBy(f"update {facts['first']} of its chat comes first", facts["first"])
    if facts["state"] in ("processing", "in_doubt"):
        until = facts["look_at"]
        return BlockedBy("it is found out whether it was sent", until=until and until.isoformat())
    if facts["later"]:
        return BlockedBy("it is tried again later", until=facts["available_at"].isoformat())
    return BlockedBy("nothing: it is its turn")
