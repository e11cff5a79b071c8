"""The counters at one moment, and what was counted between two, as it is written to the table figures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, get_args

from prometheus_client.metrics_core import Metric

from svc.observability.metrics.calls import PROBE, CallOutcome

Within = Mapping[float, float]
"""A histogram: how many were at most so many seconds, for each bound; the last is infinity."""


@dataclass(frozen=True)
class Snapshot:
    """What had been counted since the process began. Without arguments: at its beginning."""

    counts: Mapping[str, float] = field(default_factory=dict)
    answers: Mapping[str, float] = field(default_factory=dict)
    flood_seconds: float = 0.0
    ack: Within = field(default_factory=dict)
    menu: Within = field(default_factory=dict)


# The names in the table figures, each with the metric's sample and outcome that it is counted by.
COUNTS = (
    ("accepted", "svc_updates_accepted_total", "stored"),
    ("duplicates", "svc_updates_accepted_total", "duplicate"),
    ("not_stored", "svc_updates_accepted_total", "not_stored"),
    ("done", "svc_updates_finished_total", "done"),
    ("refused", "svc_updates_finished_total", "refused"),
    ("ignored", "svc_updates_finished_total", "ignored"),
    ("dead", "svc_updates_finished_total", "dead"),
    ("retried", "svc_updates_retried_total", None),
    ("in_doubt", "svc_doubts_total", "begun"),
    ("found", "svc_doubts_total", "found"),
    ("found", "svc_doubts_total", "not_found"),
)


def take_snapshot(counters: Iterable[Metric]) -> Snapshot:
    """The snapshot that these metrics make; those that it does not need are passed over."""
    values: defaultdict[tuple[str, str | None], float] = defaultdict(float)
    within: dict[str, dict[float, float]] = {"svc_ack_seconds_bucket": {}, "svc_arrival_to_menu_seconds_bucket": {}}
    for sample in (sample for metric in counters for sample in metric.samples):
        if sample.name in within:
            within[sample.name][float(sample.labels["le"])] = sample.value
        elif sample.labels.get("method") != PROBE:
            values[sample.name, sample.labels.get("outcome")] += sample.value
    counts: defaultdict[str, float] = defaultdict(float)
    for name, metric, outcome in COUNTS:
        counts[name] += values[metric, outcome]
    return Snapshot(
        counts,
        {outcome: values["svc_bot_api_call_seconds_count", outcome] for outcome in get_args(CallOutcome)},
        values["svc_flood_seconds_total", None],
        *within.values(),
    )


def difference(before: Snapshot, after: Snapshot, seconds: float) -> dict[str, Any]:
    """What was counted between the two, in so many seconds, as a row of the table figures has it: without zeros."""
    answers = _grown(before.answers, after.answers)
    flood = {"pauses": answers.get("flood", 0), "seconds": round(after.flood_seconds - before.flood_seconds, 3)}
    parts = {
        "counts": _grown(before.counts, after.counts),
        "answers": answers,
        "flood": flood if any(flood.values()) else {},
        "ack": _between(before.ack, after.ack),
        "menu": _between(before.menu, after.menu),
    }
    return {"seconds": round(seconds, 3), **{name: part for name, part in parts.items() if part}}


def _grown(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, int]:
    grown = {name: int(value - before.get(name, 0)) for name, value in after.items()}
    return {name: count for name, count in grown.items() if count}


def _between(before: Within, after: Within) -> dict[str, Any]:
    """How many came in between, each above the bound before and at most its own."""
    bounds = sorted(after)
    grown = [0.0, *(after[bound] - before.get(bound, 0) for bound in bounds)]
    counts = [int(upper - lower) for lower, upper in pairwise(grown)]
    return {"le": bounds[:-1], "n": counts} if any(counts) else {}
