"""How it is told what a rehearsal has found: as text for people, or as JSON. Phone numbers are not shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from svc.rehearsal.differences import Example, Findings, Group, Groups, Parts

LONGEST_PART = 160
MINUTE, HOUR = 60.0, 3600.0

_PHONE = re.compile(r"\+\d[\d ()-]{7,}\d")
_PHONE_FIELD = re.compile(r'("phone_number": ")[^"]*')


def as_text(findings: Findings, since: float, against: str) -> str:
    """For a terminal, several lines."""
    lines = [
        f"{findings.updates} updates of the last {_span(since)}, as this code and {against} would answer them:",
        f"  {findings.same} the same, {findings.differing} different, {findings.exceptions} with an exception in the "
        f"new code ({findings.raised_before} of them in this one too)",
        "Each was decided by the state that its chat had then; the new code's own states are not carried on.",
    ]
    for title, groups in (("Different", findings.different), ("Exceptions", findings.raised)):
        lines += [f"{title}:", *_lines_of(groups)] if groups else []
    return "\n".join(lines)


def as_json(findings: Findings, since: float, against: str, stopped: str | None) -> str:
    """For scripts, one object. `stopped` says why not all updates were looked at."""
    numbers = {
        "updates": findings.updates,
        "same": findings.same,
        "different": findings.differing,
        "exceptions": findings.exceptions,
        "exceptions_before": findings.raised_before,
    }
    groups = {
        "differences": [_as_dict(kind, "difference", what, group) for kind, what, group in _sorted(findings.different)],
        "errors": [_as_dict(kind, "error", what, group) for kind, what, group in _sorted(findings.raised)],
    }
    return json.dumps({"since_seconds": since, "against": against, **numbers, **groups, "stopped": stopped})


def _lines_of(groups: Groups) -> Iterator[str]:
    for kind, what, group in _sorted(groups):
        yield f"  {group.updates} × {kind}: {what}"
        for example in group.examples:
            yield f"    update {example.update_id}"
            yield from (f"      before  {part}" for part in _shortened(example.before) or ["nothing"])
            yield from (f"      after   {part}" for part in _shortened(example.after) or ["nothing"])


def _as_dict(kind: str, name: str, what: str, group: Group) -> dict[str, Any]:
    return {"kind": kind, name: what, "updates": group.updates, "examples": [_told(each) for each in group.examples]}


def _told(example: Example) -> dict[str, Any]:
    before, after = _shortened(example.before), _shortened(example.after)
    return {"update_id": example.update_id, "before": before, "after": after}


def _sorted(groups: Groups) -> list[tuple[str, str, Group]]:
    """The most frequent first, as they are told."""
    told = [(kind, _short(what), group) for (kind, what), group in groups.items()]
    return sorted(told, key=lambda each: -each[2].updates)


def _shortened(parts: Parts) -> list[str]:
    return [f"{name}: {_short(value)}" for name, value in parts.items()]


def _without_phones(text: str) -> str:
    return _PHONE_FIELD.sub(r"\1***", _PHONE.sub("+***", text))


def _short(value: Any) -> str:
    text = value if isinstance(value, str) and value.isprintable() else json.dumps(value, ensure_ascii=False)
    text = _without_phones(text).encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= LONGEST_PART else f"{text[:LONGEST_PART]}…"


def nothing_kept(settings_hours: float, since: float) -> str:
    """Why there is nothing to compare."""
    if not settings_hours:
        return "nothing is kept to be decided again: KEEP_PAYLOADS is 0 (the hours for which it is to be kept)"
    return f"no update was decided in the last {_span(since)}"


def _span(seconds: float) -> str:
    """A length of time as `--since` takes it."""
    return f"{seconds / HOUR:g} h" if seconds >= HOUR else f"{seconds / MINUTE:g} min"


def name_unknown(told: Mapping[str, Any]) -> str | None:
    """What to say where the bot's own name is not known."""
    if told["me"] is not None:
        return None
    return "the bot's name is not known: what is meant for it by name is not answered"
