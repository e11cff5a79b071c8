"""What became of updates, counted by outcome."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter

Accepted = Literal["stored", "duplicate", "rejected", "not_stored"]
"""rejected: it was no update, or nobody who may send one. not_stored: Telegram, or the next poll, brings it again."""

Finished = Literal["done", "refused", "ignored", "duplicate", "dead", "in_doubt"]
"""in_doubt: it cannot be told whether it was answered, and by the policy it is not answered again."""

Doubt = Literal["begun", "found", "not_found", "resent", "skipped", "repeated"]
"""begun: a send may or may not have arrived. The others are how that ended: found, it had arrived; not_found, it had
not, and is sent; resent or skipped, it could not be told, and so the policy wanted it; repeated, harmless to repeat.
"""


class Updates:
    """The counters. Every outcome is there from the start, so that a first one is seen as an increase."""

    def __init__(self, registry: CollectorRegistry) -> None:
        accepted = Counter(
            "svc_updates_accepted", "Updates that came in, by what became of them", ["outcome"], registry=registry
        )
        finished = Counter(
            "svc_updates_finished", "Updates that are over, by how they ended", ["outcome"], registry=registry
        )
        doubts = Counter(
            "svc_doubts",
            "Sends of which it was not known whether they had arrived, and what came of that",
            ["outcome"],
            registry=registry,
        )
        self._accepted = _children(accepted, get_args(Accepted))
        self._finished = _children(finished, get_args(Finished))
        self._doubts = _children(doubts, get_args(Doubt))
        self._retried = Counter(
            "svc_updates_retried", "Attempts after which an update waits for another one", registry=registry
        )
        self.counters = (accepted, finished, doubts, self._retried)
        """All of them, for a snapshot."""

    def count_accepted(self, outcome: Accepted) -> None:
        """Count an update that came in."""
        self._accepted[outcome].inc()

    def count_finished(self, outcome: Finished) -> None:
        """Count an update that is over."""
        self._finished[outcome].inc()

    def count_retried(self) -> None:
        """Count an attempt that another one follows."""
        self._retried.inc()

    def count_doubt(self, outcome: Doubt) -> None:
        """Count a doubt that has begun, or how one ended."""
        self._doubts[outcome].inc()


def _children(counter: Counter, outcomes: Iterable[str]) -> dict[str, Counter]:
    return {outcome: counter.labels(outcome) for outcome in outcomes}
