"""What came of a soak, and which promises were not kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from fleet.soak.flat import Trend, not_flat
from fleet.soak.instances import Instances
from fleet.soak.ledger import Ledger, Tally
from fleet.soak.load import Load
from fleet.soak.plan import Event, Plan
from fleet.soak.series import Readings


@dataclass(frozen=True)
class InDatabase:
    """What the database holds in the end: how many updates of the load it knows of, how many it was given that were
    two days old when it began, and how many of those it has forgotten."""

    updates: int
    old: int
    forgotten: int


@dataclass(frozen=True)
class Outcome:
    """What came of it. `seconds` is how long the load lasted, `marks` are the deploys and kills as they came."""

    plan: Plan
    seconds: float
    tally: Tally
    trends: list[Trend]
    readings: Readings
    marks: list[Event]
    ledger: Ledger
    load: Load
    instances: Instances
    in_database: InDatabase
    calls: Counter[str]
    refused: Counter[str]

    @property
    def judged(self) -> bool:
        """Whether it was long enough to tell what is flat."""
        return any(each.flat is not None for each in self.trends)

    @property
    def missing(self) -> int:
        """How many updates got a 200 and are not in the database."""
        return self.ledger.accepted - self.in_database.updates

    def breaches(self) -> list[str]:
        """What was promised and not kept, a sentence each; that something is not flat is among them."""
        counted = {
            "messages got no answer": len(self.tally.lost),
            "messages still waited for their answers when the calm was over": self.tally.waiting,
            "messages were answered twice, and no doubt was recorded": len(self.tally.twice),
            "texts that nobody had asked for": len(self.ledger.unasked),
            "updates got a 200, and the database does not know of them": self.missing,
        }
        found = [f"{count} {words}" for words, count in counted.items() if count]
        found += [*self.instances.ended, *([self.load.fell_behind] if self.load.fell_behind else [])]
        return [*found, *(f"{each.series.words}: not flat" for each in not_flat(self.trends))]
