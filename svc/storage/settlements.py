"""From settlements to statements: how the endings of a group of attempts are written, without doing it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from svc.storage import inbox_sql
from svc.storage.inbox import Attempt, CallMade, Dead, Done, Ending, Retry

LONGEST_TEXT = 1000

Kind = TypeVar("Kind", Done, Retry, Dead)
Statement = tuple[str, tuple[Any, ...]]


class Settlement(NamedTuple):
    """How an attempt ended, and the calls that it made."""

    attempt: Attempt
    ending: Ending
    calls: Sequence[CallMade]


def statements(group: Sequence[Settlement], bot_id: int, instance: str) -> list[Statement]:
    """SQL and arguments that record `group`: one statement for each kind of ending that occurs in it."""
    made: list[Statement] = []
    if done := _of(Done, group):
        outcomes = [ending.outcome for _, ending in done]
        made.append((inbox_sql.SETTLE_DONE, (bot_id, *_columns(done, instance), outcomes, instance)))
    if retried := _of(Retry, group):
        delays = [ending.delay for _, ending in retried]
        errors = [_storable(ending.error) for _, ending in retried]
        made.append((inbox_sql.SETTLE_RETRY, (bot_id, *_columns(retried, instance), delays, errors)))
    if dead := _of(Dead, group):
        reasons = [_storable(ending.reason) for _, ending in dead]
        made.append((inbox_sql.SETTLE_DEAD, (bot_id, *_columns(dead, instance), reasons, instance)))
    return made


def _of(kind: type[Kind], group: Sequence[Settlement]) -> list[tuple[Settlement, Kind]]:
    return [(settlement, settlement.ending) for settlement in group if isinstance(settlement.ending, kind)]


def _columns(settled: Sequence[tuple[Settlement, Ending]], instance: str) -> tuple[list[Any], ...]:
    """What every kind of ending has, column by column: $2 to $6 of each statement."""
    attempts = [settlement.attempt for settlement, _ in settled]
    return (
        [attempt.update_id for attempt in attempts],
        [attempt.term.epoch for attempt in attempts],
        [attempt.token for attempt in attempts],
        [ending.doubts for _, ending in settled],
        [_history_entry(settlement, instance) for settlement, _ in settled],
    )


def _history_entry(settlement: Settlement, instance: str) -> str:
    """The attempt as one entry of the update's history, in JSON."""
    attempt, ending, calls = settlement
    entry: dict[str, Any] = {"epoch": attempt.term.epoch, "instance": instance, "calls": calls}
    match ending:
        case Done(outcome):
            entry["event"] = outcome
        case Retry(delay, error):
            entry |= {"event": "retry", "delay": delay, "error": _storable(error)}
        case Dead(reason):
            entry |= {"event": "dead", "error": _storable(reason)}
    return msgspec.json.encode(entry).decode()


def _storable(text: str) -> str:
    """`text` as Postgres can store it: without NUL and lone surrogates, and not over LONGEST_TEXT characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:LONGEST_TEXT]
