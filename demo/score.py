"""The score, by what Telegram saw and the database keeps. Synchronous, and without a clock of its own."""

from __future__ import annotations

from collections.abc import Collection

from demo.views import ScoreView
from sandbox.call_log import RecordedCall


class Score:
    """Told what happens as it happens; `view` is the score. All times are Unix times.

    Who is `judged` presses nothing but /start, so that each of their /starts is owed one message and no more. What
    others do counts as accepted, and is lost if it is accepted and the database does not know it.
    """

    def pressed(self, update_id: int, person: int, at: float, *, judged: bool) -> None:
        """Telegram has an update of this person's in line; of who is judged it is a /start."""
        raise NotImplementedError

    def acknowledged(self, update_id: int, seconds: float, at: float) -> None:
        """An instance has answered the webhook with 200, after so many seconds."""
        raise NotImplementedError

    def called(self, call: RecordedCall) -> None:
        """Telegram has carried out or refused a call."""
        raise NotImplementedError

    def found_out(self) -> None:
        """An instance has found out what became of a send."""
        raise NotImplementedError

    def questionable(self, now: float) -> list[int]:
        """The updates that were accepted more than a few seconds ago and are unanswered, as far as Telegram saw.

        The database is to be asked about these; at most 1,000, the oldest first.
        """
        raise NotImplementedError

    def known_to_database(self, asked: Collection[int], waiting: Collection[int], finished: Collection[int]) -> None:
        """What the database says of those it was asked about: in the inbox, or finished. What is neither is lost; so is
        a /start of who is judged that is finished and has no message."""
        raise NotImplementedError

    def handed_over(self, action: str, gap: float, at: float) -> None:
        """Another instance leads, `gap` seconds in which nobody called; `action` brought it about."""
        raise NotImplementedError

    def view(self, now: float) -> ScoreView:
        """The score."""
        raise NotImplementedError
