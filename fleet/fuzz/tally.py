"""What came of all requests so far, in counts: it takes the same room after a thousand requests and after a million."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from fleet.fuzz.findings import Row

MOST_BREACHES = 1000
MOST_REASONS = 200
UNREADABLE = "it cannot be decoded"


@dataclass
class Tally:
    """`answers` by kind and status, `outcomes` by name, `dead` by reason; `again` is how often a 503 was asked again,
    `good` how many wrote something sensible, `megabytes` the instance's memory in the beginning and in the end."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    dead: Counter[str] = field(default_factory=Counter)
    breaches: dict[str, list[str]] = field(default_factory=dict)
    again: int = 0
    good: int = 0
    slowest_rest: float = 0.0
    megabytes: list[float] = field(default_factory=list)

    def breach(self, row: str, found: Iterable[str]) -> None:
        """Note what was not kept, for the row of the table that it belongs to; of one row MOST_BREACHES."""
        for breach in found:
            kept = self.breaches.setdefault(row, [])
            if len(kept) < MOST_BREACHES:
                kept.append(breach)

    def died(self, reason: str, count: int) -> None:
        """So many updates are dead for a reason. What Telegram would not send is one reason, and numbers make none."""
        word = UNREADABLE if reason.startswith(UNREADABLE) else re.sub(r"\d+", "N", reason)[:100]
        self.dead[word if word in self.dead or len(self.dead) < MOST_REASONS else "other reasons"] += count

    def rows(self) -> list[Row]:
        """The table."""
        kinds = dict.fromkeys(kind for kind, _ in self.answers)
        endings = {name: f"{count:,}" for name, count in self.outcomes.most_common()}
        rest = {"longest wait for an empty inbox": f"{self.slowest_rest:.1f} s"}
        rows = [self._kind(kind) for kind in kinds]
        well = self.good - len(self.breaches.get("good messages", ()))
        return [
            *rows,
            self._row("updates", endings | rest),
            self._row("dead", {reason: f"{count:,}" for reason, count in self.dead.most_common(12)}),
            self._row("good messages", {"answered once": f"{well:,} of {self.good:,}"}),
            self._row("instance", {"503, asked again": f"{self.again:,}", "memory": self._memory()}),
        ]

    def _kind(self, kind: str) -> Row:
        counts = {str(status): count for (name, status), count in sorted(self.answers.items()) if name == kind}
        figures = {"sent": f"{sum(counts.values()):,}"} | {status: f"{count:,}" for status, count in counts.items()}
        return self._row(kind, figures)

    def _row(self, name: str, figures: dict[str, str]) -> Row:
        return Row(name, figures or {"": "none"}, tuple(self.breaches.get(name, ())))

    def _memory(self) -> str:
        return " to ".join(f"{megabytes:.0f}" for megabytes in self.megabytes) + " MiB"
