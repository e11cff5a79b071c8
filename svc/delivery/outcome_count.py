"""What is counted of an attempt, a look or a doubt once it is known how it ended."""

from __future__ import annotations

from svc.observability.metrics.updates import Doubt, Finished, Updates
from svc.storage.inbox import Dead, Done, Ending, Retry, Unclear
from svc.storage.looks import LookOutcome

_FINISHED: dict[str, Finished] = {
    "done": "done",
    "refused": "refused",
    "ignored": "ignored",
    "duplicate": "duplicate",
    "in_doubt": "in_doubt",
}
_LOOKED: dict[LookOutcome, tuple[Doubt | None, Finished | None]] = {
    LookOutcome.FOUND: ("found", "done"),
    LookOutcome.APOLOGISED: ("found", "dead"),
    LookOutcome.SEND: ("not_found", None),
    LookOutcome.RESEND: ("resent", None),
    LookOutcome.SKIP: ("skipped", "in_doubt"),
    LookOutcome.DEAD: (None, "dead"),
}
_RESOLVED: dict[str, tuple[Doubt | None, Finished | None]] = {
    "repeat": ("repeated", None),
    "resend": ("resent", None),
    "skip": ("skipped", "in_doubt"),
    "dead": (None, "dead"),
}


def count_ending(updates: Updates, ending: Ending) -> None:
    """Count how an attempt ended, and the doubt that it has left, if it has."""
    if isinstance(ending, Unclear) or ending.doubts:
        updates.count_doubt("begun")
    match ending:
        case Done(outcome="in_doubt"):
            _count(updates, "skipped", "in_doubt")
        case Done():
            _count(updates, None, _FINISHED[ending.outcome])
        case Dead():
            _count(updates, None, "dead")
        case Retry():
            updates.count_retried()
            _count(updates, "resent" if ending.doubts else None, None)
        case Unclear():
            pass


def count_look(updates: Updates, outcome: LookOutcome) -> None:
    """Count what followed from a look."""
    _count(updates, *_LOOKED.get(outcome, (None, None)))


def count_resolved(updates: Updates, how: str) -> None:
    """Count a doubt that was not looked for, and what the policy made of it."""
    updates.count_doubt("begun")
    _count(updates, *_RESOLVED[how])


def _count(updates: Updates, doubt: Doubt | None, finished: Finished | None) -> None:
    if doubt is not None:
        updates.count_doubt(doubt)
    if finished is not None:
        updates.count_finished(finished)
