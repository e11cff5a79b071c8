"""The table for people, and the file for programs."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.report import RESULTS
from benchmarks.scale.plan import Plan
from benchmarks.scale.rows import ROWS, Finding, Findings, Row, goal, verdict

QUIET = 0.15
"""Up to so many processors busy with something else, the machine counts as idle."""
_PACKAGES = ("asyncpg", "hypercorn", "quart-trio", "trio")


def table(found: dict[str, Findings]) -> str:
    """Each row with its goal, what every side came to, and the verdict on the last of them."""
    *_, last = found.values()
    lines = [_line("", "goal", list(found), "")]
    for row in ROWS:
        findings = [side.rows.get(row.key) for side in found.values()]
        if any(findings):
            judged = last.rows.get(row.key)
            cells = [_cell(row, finding) for finding in findings]
            lines.append(_line(row.words, goal(row, judged), cells, verdict(row, judged)))
    notes = [
        f"{side}, {row.words.strip()}: {finding.note}"
        for side, findings_of in found.items()
        for row in ROWS
        if (finding := findings_of.rows.get(row.key)) and finding.note
    ]
    return "\n".join([*lines, *notes, *_noise(found)])


def missed(found: Findings) -> list[str]:
    """The words of the rows whose goal was looked at and not met."""
    return [
        row.words.strip() for row in ROWS if row.key in found.rows and verdict(row, found.rows[row.key]) == "missed"
    ]


def save(plan: Plan, found: dict[str, Findings], conditions: dict[str, Any]) -> Path:
    """Write everything that was measured under results/; returns the file."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / time.strftime("scale-%Y%m%d-%H%M%S.json")
    content = {
        "plan": asdict(plan),
        "packages": {name: version(name) for name in _PACKAGES},
        **conditions,
        "sides": {name: asdict(side) for name, side in found.items()},
    }
    path.write_text(json.dumps(content, indent=1, default=str) + "\n")
    return path


def _noise(found: dict[str, Findings]) -> list[str]:
    """A line for every side that had not the machine to itself."""
    loud = {side: {step: busy for step, busy in of.foreign.items() if busy > QUIET} for side, of in found.items()}
    return [
        f"{side}: the machine was not idle. Others kept so many processors busy: "
        + ", ".join(f"{busy:.1f} ({step})" for step, busy in steps.items())
        for side, steps in loud.items()
        if steps
    ]


def _cell(row: Row, finding: Finding | None) -> str:
    if finding is None:
        return "-"
    return "not measured" if finding.value is None else f"{finding.value:,.{row.digits}f} {row.unit}"


def _line(words: str, wanted: str, cells: list[str], judged: str) -> str:
    return "".join([f"{words:<62}", f"{wanted:>12}", *(f"{cell:>16}" for cell in cells), f"{judged:>9}"])
