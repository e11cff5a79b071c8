"""Looking for a send in doubt: what the inbox and whoever looks tell each other, and when what is due.

A row in doubt with a watermark is looked for before anything is sent again. What has been found out stands in the row,
so that a takeover goes on where the former leader stopped: how many looks have begun, how many in turn found nothing,
and when the next is due. After ABSENT_LOOKS of them at different times the update may begin again, for CLEARED_FOR
seconds; if it does not get to that, one more look comes first. After MOST_LOOKS it cannot be told.

Why it is done this way: docs/decisions/0023-in-doubt-is-found-out.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from svc.handler.job import Job

ABSENT_LOOKS = 2
LOOK_GAP = 1.2
"""Seconds between two looks."""

CLEARED_FOR = 5.0
"""Seconds after its last look in which an update may be sent again."""

MOST_RESENDS = 3
"""How often a message is sent again, at most, because it was not found; then its absence is not believed."""

MOST_LOOKS = 10
LONGEST_GAP = 60.0
"""A look that was not sure is followed by a pause of LOOK_GAP * 2**(looks so far), at most so many seconds."""
LONGEST_CROWDED_GAP = 6.0
"""The same where it was only crowded: what became of the others is found out meanwhile."""

OWNER_SILENT = 1.2
"""Seconds after a takeover in which no heartbeat of the former leader has come: then it is taken for dead."""

OWNER_PATIENCE = 15.0
"""Seconds after its begin for which a row is left to an owner that lives: its answer may still come."""


class DueLook(NamedTuple):
    """An update whose send is to be looked for.

    `token` is that of the attempt that sent it. `number`: which look this is, from 1. `absent`: how many before it, in
    turn, found nothing. `age`: seconds since the attempt began, `waited`: since the update arrived. `attempts`: how
    often it was begun, so which attempt sent it. `job`: if it tells of a job's end, that job.
    """

    update_id: int
    chat_id: int
    token: int
    watermark: int
    number: int
    absent: int
    age: float
    waited: float = 0.0
    attempts: int = 0
    job: Job | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The message is there, with this id."""

    message_id: int


@dataclass(frozen=True, slots=True)
class Absent:
    """No message of ours is there."""


@dataclass(frozen=True, slots=True)
class Unsure:
    """This look could not tell, for this reason; a later one may. `crowded`: once it is known what became of others."""

    reason: str
    crowded: bool = False

    def pause(self, number: int) -> float:
        """How many seconds after look `number` the next is due."""
        return min(LONGEST_CROWDED_GAP if self.crowded else LONGEST_GAP, LOOK_GAP * 2.0**number)


@dataclass(frozen=True, slots=True)
class CannotBeTold:
    """No look can tell, for this reason."""

    reason: str


LookResult = Found | Absent | Unsure | CannotBeTold


class LookOutcome(Enum):
    """What followed from a look."""

    FOUND = "found"  # the row is done
    APOLOGISED = "apologised"  # an apology was found: the row is dead for the reason that it was sent for
    LOOK_AGAIN = "look_again"  # another look follows
    SEND = "send"  # it may begin again: nothing was sent
    RESEND = "resend"  # cannot be told; by the policy it is sent once more
    SKIP = "skip"  # cannot be told; by the policy it is not
    DEAD = "dead"  # cannot be told, and it has been sent SENDS_IN_DOUBT times; or it was an apology
    GONE = "gone"  # it has been settled, or belongs to another term by now


class KnownIds(NamedTuple):
    """Message ids of one sequence above a watermark.

    `ids` are those that an update brought or an answer told: none of them is the one that is looked for. `greatest` is
    the greatest of them. `own` is (chat, id) of a message that is certainly the bot's own, of the chat itself or else
    of any private chat, for the self-test; None if there is none.

    `complete`: every message of ours in the chat that was sent before is among them. Else there were too many to read,
    and one of those could be taken for the one that is looked for. `untold`: what became of an earlier send to this
    chat could not be told, so its message could be taken for this one, too. `in_doubt`: how many other sends are in
    doubt, each of which may have taken an id.
    """

    ids: frozenset[int]
    greatest: int | None
    own: tuple[int, int] | None
    complete: bool = True
    untold: bool = False
    in_doubt: int = 0
