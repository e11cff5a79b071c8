"""From settlements to a statement: how the endings of a group of attempts are written, without doing it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from svc.storage.inbox import Attempt, CallMade, Dead, Done, Ending, Retry, SentFile, Unclear
from svc.storage.storable import storable

INT64 = 2**63


class Settlement(NamedTuple):
    """How an attempt ended, and the calls that it made."""

    attempt: Attempt
    ending: Ending
    calls: Sequence[CallMade] = ()


class _Said(NamedTuple):
    """An ending as `inbox_sql.SETTLE` takes it: its kind, its outcome, error or reason, and the delay."""

    kind: str
    text: str
    delay: float = 0.0


def settle_arguments(group: Sequence[Settlement], bot_id: int, instance: str) -> tuple[Any, ...]:
    """The arguments of `inbox_sql.SETTLE` that record `group`.

    In the order of ids, as whoever else writes several rows takes them.
    """
    settled = sorted(group, key=lambda settlement: settlement.attempt.update_id)
    attempts = [settlement.attempt for settlement in settled]
    endings = [_said(settlement.ending) for settlement in settled]
    return (
        bot_id,
        instance,
        [attempt.update_id for attempt in attempts],
        [attempt.term.epoch for attempt in attempts],
        [attempt.token for attempt in attempts],
        [settlement.ending.doubts for settlement in settled],
        [_history_entry(settlement, instance) for settlement in settled],
        [ending.kind for ending in endings],
        [ending.text for ending in endings],
        [ending.delay for ending in endings],
        [_sent_id(settlement.calls) for settlement in settled],
    )


def file_arguments(group: Sequence[Settlement]) -> tuple[Any, ...]:
    """The further arguments of `inbox_sql.SETTLE_WITH_EFFECTS`: what was sent in files, in the same order."""
    settled = sorted(group, key=lambda settlement: settlement.attempt.update_id)
    files = [_sent_file(settlement.calls) for settlement in settled]
    return [file and file.kind for file in files], [file and storable(file.file_id) for file in files]


def has_effects(attempt: Attempt) -> bool:
    """Whether more follows from its end than that it has ended: it changes something, or tells of a job's end."""
    return attempt.effects is not None or attempt.update_id < 0


def _said(ending: Ending) -> _Said:
    match ending:
        case Done(outcome):
            return _Said("done", outcome)
        case Retry(delay, error):
            return _Said("retry", storable(error), delay)
        case Unclear(delay, error):
            return _Said("unclear", storable(error), delay)
        case Dead(reason):
            return _Said("dead", storable(reason))


def _history_entry(settlement: Settlement, instance: str) -> str:
    """The attempt as one entry of the update's history, in JSON."""
    attempt, ending, calls = settlement
    told = [_told(call) for call in calls]
    entry: dict[str, Any] = {"epoch": attempt.term.epoch, "instance": instance, "calls": told}
    match ending:
        case Done(outcome):
            entry["event"] = outcome
        case Retry(delay, error):
            entry |= {"event": "retry", "delay": delay, "error": storable(error)}
        case Unclear(delay, error):
            entry |= {"event": "in_doubt", "delay": delay, "error": storable(error)}
        case Dead(reason):
            entry |= {"event": "dead", "error": storable(reason)}
    return msgspec.json.encode(entry).decode()


def _told(call: CallMade) -> dict[str, Any]:
    told: dict[str, Any] = {"method": call.method, "outcome": call.outcome, "ms": call.ms}
    return told | {"message_id": call.message_id} if _has_id(call) else told


def _sent_id(calls: Sequence[CallMade]) -> int | None:
    """The id of the message that these calls have sent; of several the first. The history has all of them."""
    return next((call.message_id for call in calls if _has_id(call)), None)


def _sent_file(calls: Sequence[CallMade]) -> SentFile | None:
    """The file in the message that these calls have sent, else in one that they have edited, if there is one."""
    with_file = sorted((call for call in calls if call.file is not None), key=lambda call: not _has_id(call))
    return with_file[0].file if with_file else None


def _has_id(call: CallMade) -> bool:
    return call.message_id is not None and 0 < call.message_id < INT64
