"""What differs between the answers of two codes, and how often which difference was seen. Pure, bounded in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from svc.rehearsal.processes import Answer

EXAMPLES = 3
MOST_GROUPS = 200
"""So many kinds of differences are told apart, and so many kinds of exceptions; what is more is counted as OTHER."""
OTHER = "other"
NO_ANSWER = "an answer where there was none"

Parts = dict[str, Any]


@dataclass(frozen=True)
class Example:
    """One update, and the parts of its answer that differ, as they were and as they would be."""

    update_id: int
    before: Parts
    after: Parts


@dataclass
class Group:
    """Updates that are alike: how many, and the first of them."""

    updates: int = 0
    examples: list[Example] = field(default_factory=list)


Groups = dict[tuple[str, str], Group]
"""By the kind of the update, and what differs (or what is raised)."""


@dataclass
class Findings:
    """What was found so far. `raised_before` are those of the exceptions that this code raises as well."""

    same: int = 0
    different: Groups = field(default_factory=dict)
    raised: Groups = field(default_factory=dict)
    raised_before: int = 0

    @property
    def differing(self) -> int:
        """How many are answered differently."""
        return sum(group.updates for group in self.different.values())

    @property
    def exceptions(self) -> int:
        """Of how many the new code makes nothing."""
        return sum(group.updates for group in self.raised.values())

    @property
    def updates(self) -> int:
        """How many were compared."""
        return self.same + self.differing + self.exceptions

    def note(self, update_id: int, kind: str, old: Answer, new: Answer) -> None:
        """Count what became of one update, which is of the kind `kind`."""
        if new.error is not None:
            self.raised_before += old.error is not None
            before = {"error": old.error} if old.error is not None else parts_of(old.reply or {})
            _add(self.raised, kind, new.error, Example(update_id, before, {"error": new.error}))
        elif old.error is not None:
            after = parts_of(new.reply or {})
            _add(self.different, kind, NO_ANSWER, Example(update_id, {"error": old.error}, after))
        else:
            before, after = differing_parts(old.reply or {}, new.reply or {})
            if before or after:
                _add(self.different, kind, _name_of(before, after), Example(update_id, before, after))
            else:
                self.same += 1


def differing_parts(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Parts, Parts]:
    """The parts of two replies that are not the same in both."""
    before, after = parts_of(old), parts_of(new)
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return _only(names, before), _only(names, after)


def parts_of(reply: Mapping[str, Any]) -> Parts:
    """A reply as parts with names: the methods of its calls, each parameter of each call, and what else it has."""
    calls = reply.get("calls", [])
    parts: Parts = {"calls": [call["method"] for call in calls]} if calls else {}
    for place, call in enumerate(calls):
        same_before = sum(other["method"] == call["method"] for other in calls[:place])
        number = f"#{same_before + 1}" if same_before else ""
        parts |= {f"{call['method']}{number} {name}": value for name, value in call["params"].items()}
    logged = {name: reply[name] for name in ("before", "after", "fields") if reply.get(name)}
    others = {name: reply[name] for name in reply if name not in ("calls", "before", "after", "fields") and reply[name]}
    return parts | others | ({"log": logged} if logged else {})


def _only(names: Sequence[str], parts: Parts) -> Parts:
    return {name: parts[name] for name in names if name in parts}


def _name_of(before: Parts, after: Parts) -> str:
    """What differs, in a few words by which alike ones are counted together: where other calls are made, these."""
    names = list({**before, **after})
    if "calls" not in names:
        return ", ".join(names)
    old, new = (" + ".join(parts.get("calls", [])) or "nothing" for parts in (before, after))
    return ", ".join([f"{old} → {new}", *(name for name in names if name != "calls" and " " not in name)])


def _add(groups: Groups, kind: str, what: str, example: Example) -> None:
    key = (kind, what)
    if key not in groups and len(groups) >= MOST_GROUPS:
        key = (OTHER, OTHER)
    group = groups.setdefault(key, Group())
    group.updates += 1
    if len(group.examples) < EXAMPLES:
        group.examples.append(example)
