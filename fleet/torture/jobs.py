"""The scene `jobs`: who asks for what, and the verdict by what Telegram and the provider saw.

Nothing in it is the service's word, but the doubts: a recorded doubt excuses a second delivery.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import trio

from fleet.instances import Fleet
from fleet.torture.people import Sent, Written
from sandbox.call_log import RecordedCall

HELLO_EVERY = 3
"""One in so many people writes something else while the job is under way."""
HELLO_AFTER = 0.5
DELIVERED = ("picture", "link")
ENDINGS = ("failed", "unknown", "cancelled")


class Asked(NamedTuple):
    """Somebody's request for picture `number`, by the update that brought it."""

    number: int
    update_id: int
    chat_id: int


class Told(NamedTuple):
    """What somebody was sent about their picture: `how` is its first word. `at` is Unix time."""

    number: int
    how: str
    at: float
    text: str


class Made(NamedTuple):
    """A task at the provider. `over_at`: when it was made (Unix time), None if it was not. `faults` are those of its
    create, its callback and its result."""

    job_id: int
    over_at: float | None
    faults: frozenset[str]


@dataclass
class JobsVerdict:
    """What became of the jobs. `waits` are the seconds from the success at the provider to the person."""

    asked: int = 0
    delivered: int = 0
    failed: int = 0
    unknown: int = 0
    lost: list[Asked] = field(default_factory=list)
    told_twice: list[Asked] = field(default_factory=list)
    excused: int = 0
    created_twice: list[Asked] = field(default_factory=list)
    unexplained: list[Asked] = field(default_factory=list)
    made_for_nothing: list[Asked] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)

    def breaches(self, *, strict: bool = False) -> list[str]:
        """What was promised and not kept, a sentence each; with `strict` a recorded doubt excuses nothing."""
        counted = {
            "jobs ended and nobody was told": len(self.lost),
            "jobs were told of twice, and no doubt was recorded": len(self.told_twice),
            "jobs were not told of once, and a doubt was recorded": self.excused if strict else 0,
            "jobs were created twice": len(self.created_twice),
            "jobs are unknown though no create's answer was lost": len(self.unexplained),
            "jobs were made, could be had, and were not delivered": len(self.made_for_nothing),
        }
        return [f"{count} {words}" for words, count in counted.items() if count]


async def ask(fleet: Fleet, rate: float, written: list[Written], asked: list[Asked]) -> None:
    """People ask for `rate` pictures a second, until cancelled; some of them write again a moment later."""
    began = trio.current_time()

    def says(user: int, word: str, answer: str) -> int:
        update_id = fleet.says(user, f"{word} {user}")
        written.append(Written(update_id, user, f"{answer} {user}", fleet.sandbox.telegram.now()))
        return update_id

    for user in itertools.count(1):
        await trio.sleep_until(began + (user - 1) / rate)
        asked.append(Asked(user, says(user, "draw", "asked"), user))
        if user % HELLO_EVERY == 0:
            await trio.sleep(min(HELLO_AFTER, 0.5 / rate))
            says(user, "hello", "hello")


def answers(calls: Iterable[RecordedCall]) -> list[Sent]:
    """The answers to what was written, by Telegram's own list of calls, in order: all but what tells of a job."""
    return [
        Sent(int(call.params["chat_id"]), call.params["text"], call.at)
        for call in calls
        if call.method == "sendMessage" and call.took_effect and _told_of(call) is None
    ]


def told(calls: Iterable[RecordedCall]) -> list[Told]:
    """What people were sent about their jobs, by Telegram's own list of calls, in order."""
    return [found for call in calls if call.took_effect and (found := _told_of(call)) is not None]


def _told_of(call: RecordedCall) -> Told | None:
    text = str(call.params.get("caption" if call.method == "sendPhoto" else "text", ""))
    how, _, rest = text.partition(" ")
    if call.method not in ("sendMessage", "sendPhoto") or how not in (*DELIVERED, *ENDINGS):
        return None
    return Told(int(rest.partition(":")[0]), how, call.at, text)


def judge_jobs(
    asked: Sequence[Asked],
    told: Iterable[Told],
    tasks: Iterable[Made],
    accepted: Mapping[int, float],
    doubts: Mapping[int, int],
    excuses: Mapping[int, str],
) -> JobsVerdict:
    """The verdict on jobs. `accepted` has the updates that were answered with 200, `doubts` how many were recorded, by
    update, `excuses` the jobs of which nobody could know what became of their create, and why."""
    news: dict[int, list[Told]] = defaultdict(list)
    for piece in told:
        news[piece.number].append(piece)
    created: dict[int, list[Made]] = defaultdict(list)
    for task in tasks:
        created[task.job_id].append(task)
    verdict = JobsVerdict(asked=len(asked))
    for each in asked:
        _judge_one(verdict, each, news[each.number], created[each.update_id], accepted, doubts, excuses)
    return verdict


def _judge_one(
    verdict: JobsVerdict,
    asked: Asked,
    news: Sequence[Told],
    tasks: Sequence[Made],
    accepted: Mapping[int, float],
    doubts: Mapping[int, int],
    excuses: Mapping[int, str],
) -> None:
    delivered = [each for each in news if each.how in DELIVERED]
    verdict.delivered += bool(delivered)
    verdict.failed += any(each.how == "failed" for each in news)
    verdict.unknown += any(each.how == "unknown" for each in news)
    verdict.reasons.update(each.text.partition(": ")[2] for each in news if each.how not in DELIVERED)
    if len(tasks) > 1:
        verdict.created_twice.append(asked)
    if len(news) != 1 and asked.update_id in accepted:
        if doubts.get(-asked.update_id):
            verdict.excused += 1
        else:
            (verdict.told_twice if news else verdict.lost).append(asked)
    if any(each.how == "unknown" for each in news) and asked.update_id not in excuses:
        verdict.unexplained.append(asked)
    made = next((task.over_at for task in tasks if task.over_at is not None), None)
    if made is None:
        return
    if delivered:
        verdict.waits.append(max(0.0, delivered[0].at - made))
    elif not any(task.faults for task in tasks) and asked.update_id not in excuses and asked.update_id in accepted:
        verdict.made_for_nothing.append(asked)
