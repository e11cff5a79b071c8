"""The verdict, from what Telegram was sent and what it accepted; nothing in it is the service's word, but `excused`.

An excuse is a doubt that the service has recorded for an update: it could not be told whether its answer was sent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from fleet.torture.people import MENUS, Sent, Written


@dataclass
class Verdict:
    """What came of it. `answered` is when each update first got its answer (Unix time), `waits` the seconds from the
    writing of a message to that, and `waits_from_200` those since the service has known of it."""

    written: int
    accepted: int
    menus: int
    lost: list[Written] = field(default_factory=list)
    twice: list[Written] = field(default_factory=list)
    excused: int = 0
    out_of_order: list[tuple[Written, Written]] = field(default_factory=list)
    not_asked_for: list[Sent] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)
    paused: list[str] = field(default_factory=list)
    edits: int = 0
    ended: list[str] = field(default_factory=list)
    unsettled: str = ""
    answered: dict[int, float] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)
    waits_from_200: list[float] = field(default_factory=list)
    ids_broken: bool = False

    def breaches(self, *, strict: bool = False) -> list[str]:
        """What was promised and not kept, a sentence each; with `strict` a recorded doubt excuses nothing.

        Where ids break the rules nobody can know of a second message, so that is no breach.
        """
        twice = 0 if self.ids_broken else len(self.twice)
        counted = {
            "got no answer": len(self.lost),
            "were answered twice, and no doubt was recorded": twice,
            "were not answered once, and a doubt was recorded": self.excused if strict else 0,
            "answers were out of their chat's order": len(self.out_of_order),
            "messages that nobody asked for": len(self.not_asked_for),
            "calls by an instance that was not ACTIVE": len(self.strays),
            "messages were begun while sending was paused": len(self.paused),
            "messages were edited by looking for others": 0 if self.ids_broken else self.edits,
        }
        found = [f"{count} {words}" for words, count in counted.items() if count]
        return [*found, *self.ended, *([self.unsettled] if self.unsettled else [])]


def judge(
    written: Sequence[Written], sent: Iterable[Sent], accepted: Mapping[int, float], doubts: Mapping[int, int]
) -> Verdict:
    """The part of the verdict that is about messages: `accepted` is when each update got its 200 (Unix time), `doubts`
    how many were recorded, by update."""
    sent = list(sent)
    times: dict[tuple[int, str], list[float]] = defaultdict(list)
    for got in sent:
        times[got.chat_id, got.answer].append(got.at)
    asked = {(message.chat_id, message.answer) for message in written}
    verdict = Verdict(len(written), len(accepted), sum(got.answer in MENUS for got in sent))
    verdict.not_asked_for = [got for got in sent if (got.chat_id, got.answer) not in asked]
    for message in written:
        answers = times[message.chat_id, message.answer]
        if answers:
            verdict.answered[message.update_id] = answers[0]
            verdict.waits.append(answers[0] - message.at)
            verdict.waits_from_200.append(answers[0] - accepted.get(message.update_id, answers[0]))
        if len(answers) == 1:
            continue
        if doubts.get(message.update_id):
            verdict.excused += 1
        else:
            (verdict.twice if answers else verdict.lost).append(message)
    verdict.out_of_order = list(_out_of_order(written, times))
    return verdict


def _out_of_order(
    written: Sequence[Written], times: Mapping[tuple[int, str], list[float]]
) -> Iterable[tuple[Written, Written]]:
    """Neighbours in a chat of which the later was answered first. Only first answers count: a second one is late."""
    chats: dict[int, list[Written]] = defaultdict(list)
    for message in written:
        if times[message.chat_id, message.answer]:
            chats[message.chat_id].append(message)
    for messages in chats.values():
        for earlier, later in pairwise(messages):
            if times[later.chat_id, later.answer][0] < times[earlier.chat_id, earlier.answer][0]:
                yield earlier, later


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of all do not exceed; 0 for none."""
    ranked = sorted(values)
    return ranked[min(int(share * len(ranked)), len(ranked) - 1)] if ranked else 0.0
