"""The table for people, and the file for programs."""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.report import RESULTS
from benchmarks.scale.plan import Plan
from benchmarks.scale.rows import ROWS, Finding, Findings, Row, goal, verdict

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
    return "\n".join([*lines, *notes])


def missed(found: Findings) -> list[str]:
    """The words of the rows whose goal was looked at and not met."""
    return [
        row.words.strip() for row in ROWS if row.key in found.rows and verdict(row, found.rows[row.key]) == "missed"
    ]


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": models[0] if models else platform.machine(),
        "processors": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_average": os.getloadavg(),
    }


def save(plan: Plan, found: dict[str, Findings], conditions: dict[str, Any]) -> Path:
    """Write everything that was measured under results/; returns the file."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / time.strftime("scale-%Y%m%d-%H%M%S.json")
    content = {
        "plan": asdict(plan),
        "machine": machine(),
        "packages": {name: version(name) for name in _PACKAGES},
        **conditions,
        "sides": {name: asdict(side) for name, side in found.items()},
    }
    path.write_text(json.dumps(content, indent=1, default=str) + "\n")
    return path


def _cell(row: Row, finding: Finding | None) -> str:
    if finding is None:
        return "-"
    return "not measured" if finding.value is None else f"{finding.value:,.{row.digits}f} {row.unit}"


def _line(words: str, wanted: str, cells: list[str], judged: str) -> str:
    return "".join([f"{words:<62}", f"{wanted:>12}", *(f"{cell:>16}" for cell in cells), f"{judged:>9}"])
