"""The judgement at the end of a run: what Telegram has sent, and what the inbox says became of each update."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from svc.storage.inbox import SENDS_IN_DOUBT
from svc.storage.looks import LOOK_GAP, MOST_RESENDS
from tests.memory.inbox import MemoryInbox, Processed
from tests.simulation.doubts import Violation

FIRST_LOOK = 1.0
FOUND_WITHIN = FIRST_LOOK + LOOK_GAP
"""Seconds after its request within which a message is seen by one of two looks at least."""


class Message(NamedTuple):
    """A message that Telegram has sent, in seconds of the run.

    `requested_at`: when its request had arrived. `seen_at`: from when on edits find it.
    """

    update_id: int
    chat_id: int
    requested_at: float
    at: float
    seen_at: float


@dataclass(frozen=True)
class Evidence:
    """What a run has left.

    `messages` in the order in which Telegram sent them. `unheard`: how many answers did not come, by update. `cleared`:
    when the looks began after which an update was sent again. `mistaken`: those for which another's message was taken.
    `asides`: those that need no answer.
    """

    inbox: MemoryInbox
    accepted: frozenset[int]
    messages: Sequence[Message]
    unheard: Mapping[int, int]
    cleared: Mapping[int, Sequence[float]]
    mistaken: frozenset[int]
    asides: frozenset[int]
    rules_kept: bool


def judge(evidence: Evidence) -> None:
    """Raise Violation unless everybody was answered once, or as often as can be accounted for, and in order."""
    _nothing_lost(evidence)
    by_update = defaultdict(list)
    for message in evidence.messages:
        by_update[message.update_id].append(message)
    for update_id, row in evidence.inbox.processed.items():
        if update_id in evidence.asides or row.outcome == "ignored":
            _ignored_as_it_should_be(evidence, update_id, row, by_update[update_id])
        else:
            _as_often_as_recorded(evidence, update_id, row, by_update[update_id])
    _chats_in_order(evidence)


def _ignored_as_it_should_be(evidence: Evidence, update_id: int, row: Processed, messages: Sequence[Message]) -> None:
    if update_id not in evidence.asides or row.outcome != "ignored" or messages:
        raise Violation(f"update {update_id} needed {'an' if update_id not in evidence.asides else 'no'} answer: {row}")


def _nothing_lost(evidence: Evidence) -> None:
    inbox = evidence.inbox
    lost = evidence.accepted - set(inbox.processed)
    dead = {each for each in inbox.dead if not _has_reason_to_be_dead(evidence, each)}
    if lost or dead:
        raise Violation(f"G4: lost {sorted(lost)}, dead by no fault of their own {sorted(dead)}")


def _has_reason_to_be_dead(evidence: Evidence, update_id: int) -> bool:
    """As many sends in doubt as there may be, or as many that got no answer and were not found."""
    in_doubt, unheard = evidence.inbox.processed[update_id].doubts, evidence.unheard.get(update_id, 0)
    return in_doubt >= SENDS_IN_DOUBT or unheard > MOST_RESENDS


def _as_often_as_recorded(evidence: Evidence, update_id: int, row: Processed, messages: Sequence[Message]) -> None:
    cleared = evidence.cleared.get(update_id, ())
    late = sum(_came_after_the_looks(message, cleared) for message in messages)
    most = min(1 + row.doubts, SENDS_IN_DOUBT) + late
    if not evidence.rules_kept:
        # No worse than without looking: each message more is for an answer that did not come.
        most = max(most, 1 + evidence.unheard.get(update_id, 0))
    least = 0 if row.outcome in ("in_doubt", "dead") or update_id in evidence.mistaken else 1
    if not least <= len(messages) <= most:
        raise Violation(
            f"G3/G7: update {update_id} had {len(messages)} effects, {row.doubts} doubts, {late} late, {row.outcome}"
        )


def _came_after_the_looks(message: Message, cleared: Sequence[float]) -> bool:
    """Whether a message could not be seen by the looks after which its update was sent again."""
    last_look = next((began for began in cleared if began > message.requested_at), None)
    if last_look is None:
        return False
    return message.seen_at > max(last_look, message.requested_at + FOUND_WITHIN)


def _chats_in_order(evidence: Evidence) -> None:
    """What came when its update had been finished is left out: nobody knew of it, or it was given up."""
    order: dict[int, list[int]] = defaultdict(list)
    for message in evidence.messages:
        row = evidence.inbox.processed.get(message.update_id)
        # What tells of a job comes whenever that is over; job_laws.py has the rest of its order.
        if message.update_id > 0 and (row is None or message.at <= row.at):
            order[message.chat_id].append(message.update_id)
    for chat_id, ids in order.items():
        if ids != sorted(ids):
            raise Violation(f"G6: chat {chat_id} saw {ids}")
