"""One update's life as spans of time, from the row that `show_update` returns; and a job's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from svc.reports.views import Span

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
    asked: datetime = job["created_at"]
    history = job["history"] or [{"at": asked.isoformat(), "event": "asked"}]
    steps = [(datetime.fromisoformat(entry["at"]), entry) for entry in history]
    ends: Sequence[datetime | None] = [at for at, _ in steps[1:]] + [job["ended_at"] and steps[-1][0]]
    return [_step(asked, at, end, entry) for (at, entry), end in zip(steps, ends, strict=True)]


def _step(asked: datetime, at: datetime, end: datetime | None, entry: dict[str, Any]) -> Span:
    more = ", ".join(
        f"{name.replace('_', ' ')} {value}" for name, value in entry.items() if name not in ("at", "event", "text")
    )
    start = round((at - asked).total_seconds(), 4)
    until = None if end is None else round((end - asked).total_seconds(), 4)
    return Span("step", entry["event"], start, until, detail=more, at=at.isoformat())
