"""What came of a show: each step, the score in the end, and whether all promises were kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from demo.tour.steps.step import Outcome
from demo.tour.steps.words import counted
from demo.views import ScoreView


@dataclass(frozen=True, slots=True)
class Report:
    """A show that has come to its end. `outcomes` are those of its steps, by their names, in their order."""

    script: str
    outcomes: Mapping[str, Outcome]
    score: ScoreView

    @property
    def kept(self) -> bool:
        """Whether every step has kept all promises, and in the end everybody was answered, once."""
        steps = all(outcome.kept for outcome in self.outcomes.values())
        return steps and not (self.score.lost or self.score.twice or self.score.waiting)

    @property
    def verdict(self) -> str:
        """One sentence."""
        score = self.score
        if self.kept:
            said = counted(score.answered, "time", "times")
            return f"Nothing was lost, and nothing came twice. The crowd said /start {said} and was answered as often."
        if score.lost or score.twice or score.waiting:
            return f"Not all was well: {score.lost:,} lost, {score.twice:,} twice, {score.waiting:,} not answered."
        failed = sum(not outcome.kept for outcome in self.outcomes.values())
        steps = counted(len(self.outcomes), "step", "steps")
        return f"Of the crowd nobody was lost or answered twice, but {failed} of {steps} did not end as promised."

    def as_json(self) -> str:
        """All of it as one line of JSON."""
        steps = [{"name": name, **asdict(outcome)} for name, outcome in self.outcomes.items()]
        return json.dumps({"script": self.script, "kept": self.kept, "steps": steps, "score": asdict(self.score)})
