"""Telegram, as far as looks could mistake one message for another.

Ids of one sequence only grow, so what matters of them is their order. Of the messages whose id is known from an answer
or an update, and of other people's, nothing can be mistaken: they are kept as `top` alone.
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class Sent(NamedTuple):
    """A message of the bot's that neither an answer nor an update has told of.

    reply: for the update, and its answer may be heard. late: for the update, and nobody waits for its answer. apology:
    sent to the same chat outside of any row (mutant). other: in another chat. Until it is `seen`, a probe says that
    there is no such message.
    """

    kind: Literal["reply", "late", "apology", "other"]
    update: int = -1
    seen: bool = True


class Telegram(NamedTuple):
    """The messages of one sequence, in the order of their ids."""

    unknown: tuple[Sent, ...] = ()
    top: int = 0
    """How many of them lie below the greatest id that is known."""
    late: tuple[int, ...] = ()
    """The updates of calls that have left, and that may yet be carried out."""

    def with_message(self, message: Sent) -> Telegram:
        """The same after one more message: its id is the greatest so far."""
        return self._replace(unknown=(*self.unknown, message))

    def without_late(self, update: int) -> Telegram:
        """The same when one of the calls on their way is no longer that."""
        place = self.late.index(update)
        return self._replace(late=self.late[:place] + self.late[place + 1 :])

    def known(self, place: int, *, kept: bool = False) -> Telegram:
        """The same when the id of that message is known. `kept`: nobody leaves it out when looking (mutant)."""
        top = max(self.top, place + 1)
        if kept:
            return self._replace(top=top)
        return self._replace(unknown=self.unknown[:place] + self.unknown[place + 1 :], top=top - 1)

    def all_seen(self, update: int) -> bool:
        """Whether all that was sent for this update is a message that probes see, or never will be one."""
        return update not in self.late and all(each.seen or each.update != update for each in self.unknown)


NOTHING_SENT = Telegram()
