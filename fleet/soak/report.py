"""The outcome as a table for a terminal, and as JSON with every point of every series."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fleet.soak.flat import RULE, Trend
from fleet.soak.outcome import Outcome
from fleet.soak.plan import Kind

Row = tuple[str, str, str]


def table(outcome: Outcome) -> str:
    """A line for each figure, and what each was taken from."""
    rows = [*_messages(outcome), *_service(outcome), *map(_flatness, outcome.trends)]
    width = max(len(name) for name, _, _ in rows)
    return "\n".join([*(f"{name:<{width}}  {value:>12}  {words}".rstrip() for name, value, words in rows), RULE])


def verdict(outcome: Outcome) -> str:
    """The last line: whether all promises were kept, and the figures that they are about."""
    found = outcome.breaches()
    lost, twice = len(outcome.tally.lost), len(outcome.tally.twice)
    flat = "everything flat" if outcome.judged else "too short to tell what is flat"
    if any(each.flat is False for each in outcome.trends):
        flat = "not everything flat"
    behind = f", {outcome.tally.waiting} still waiting" if outcome.tally.waiting else ""
    words = f"lost {lost}, twice {twice}{behind}, {flat}, longest wait {outcome.ledger.longest_wait:.2f} s"
    return f"verdict: {'BROKEN' if found else 'kept'}: {words}"


def write_json(outcome: Outcome, path: Path) -> None:
    """All of it, for programs."""
    ledger, load = outcome.ledger, outcome.load
    content = {
        "machine": {"python": platform.python_version(), "system": platform.platform(), "processors": os.cpu_count()},
        "plan": asdict(outcome.plan),
        "verdict": verdict(outcome),
        "breaches": outcome.breaches(),
        "written": ledger.written,
        "accepted": ledger.accepted,
        "answered": dict(ledger.answered),
        "tally": asdict(outcome.tally),
        "longest_wait": ledger.longest_wait,
        "longest_ack": ledger.longest_ack,
        "late": load.late,
        "redelivered": dict(load.delivery.problems),
        "calls": dict(outcome.calls),
        "refused": dict(outcome.refused),
        "logged": dict(outcome.instances.logged),
        "in_database": asdict(outcome.in_database),
        "marks": [asdict(each) for each in outcome.marks],
        "trends": [_trend_as_json(each) for each in outcome.trends],
        "series": outcome.readings.points,
    }
    path.write_text(json.dumps(content, indent=1) + "\n")


def _trend_as_json(trend: Trend) -> dict[str, Any]:
    return {
        "key": trend.series.key,
        "unit": trend.series.unit,
        "median": trend.median,
        "growth": trend.growth,
        "flat": trend.flat,
    }


def _messages(outcome: Outcome) -> list[Row]:
    plan, ledger, tally = outcome.plan, outcome.ledger, outcome.tally
    kinds = ", ".join(f"{count:,} to a {kind}" for kind, count in sorted(ledger.answered.items()))
    problems = outcome.load.delivery.problems
    return [
        ("load", f"{plan.rate:g}/s", f"{plan.seconds:g} s, seed {plan.seed}"),
        ("written", f"{ledger.written:,}", "by people, on a fixed schedule"),
        ("accepted", f"{ledger.accepted:,}", "answered with 200"),
        ("in the database", f"{outcome.in_database.updates:,}", "of these in the end"),
        ("answers", f"{ledger.answered.total():,}", kinds),
        ("lost", str(len(tally.lost)), "got no answer"),
        ("waiting", str(tally.waiting), "still were when the calm was over"),
        ("twice", str(len(tally.twice)), "got more than one, and no doubt was recorded"),
        ("in doubt", str(tally.excused), "got none or more than one, and a doubt was recorded"),
        ("unasked", str(len(ledger.unasked)), "texts that nobody had asked for"),
        ("longest wait", f"{ledger.longest_wait:.2f} s", "from the moment it was due to the answer"),
        ("longest ack", f"{ledger.longest_ack:.2f} s", "from the moment it was due to the 200"),
        ("late", f"{outcome.load.late:.2f} s", "the load itself at most, within both"),
        ("redelivered", f"{problems.total():,}", "times, as Telegram does"),
        *[("", f"{count:,}", problem) for problem, count in problems.most_common(4)],
    ]


def _service(outcome: Outcome) -> list[Row]:
    done, logged = outcome.instances.done, outcome.instances.logged
    return [
        ("deploys", str(done[Kind.DEPLOY]), f"{len(outcome.instances.every)} instances in all"),
        ("kills", str(done[Kind.KILL]), "of the one that led"),
        ("found out", str(logged["found"]), "sends that were in doubt at first, as the service says"),
        ("could not tell", str(outcome.tally.doubts), "updates with a doubt, as the service says"),
        *[("", str(count), words) for words, count in logged.most_common() if words != "found"],
        ("pruned", f"{outcome.in_database.forgotten:,}", f"of {outcome.in_database.old:,} rows that were there before"),
        *[("refused", f"{count:,}", words[:70]) for words, count in outcome.refused.most_common(4)],
    ]


def _flatness(trend: Trend) -> Row:
    series = trend.series
    name = {True: "flat", False: "NOT FLAT", None: "not judged"}[trend.flat]
    if trend.median is None:
        return name, "-", series.words
    value = f"{trend.median:,.1f} {series.unit}" if trend.median < 1000 else f"{trend.median:,.0f} {series.unit}"
    if trend.growth is None:
        return name, value, series.words
    share = f"{trend.share:+.1%}, " if trend.share is not None else ""
    limit = f"{'-' if series.falls else '+'}{series.share:.0%}"
    mind = f" or {series.grain:g} {series.unit}" if series.grain else ""
    return name, value, f"{series.words}: {share}{trend.growth:+,.1f} {series.unit} (at most {limit}{mind})"
