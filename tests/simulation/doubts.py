"""Which doubts of a run have a reason. One without was made by the service itself: it threw away what it knew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from uuid import UUID

import trio

from svc.settings.environment import Fallback
from svc.storage.inbox import Resolved, Term
from tests.simulation.database import SimulatedDatabase
from tests.simulation.link import Link


class Violation(BaseException):
    """An invariant does not hold. Not an Exception: the workers would take it for a failed call."""


class DoubtAudit:
    """Counts the reasons for which an update may be in doubt, by update.

    A reason is: an answer that did not come, a process that was killed with the update in its hands, a policy that was
    applied while the owner could not reach the database, and a begin that was held up until its owner had given it up:
    nothing was sent under it, so what is recorded as a doubt makes no second message.
    """

    def __init__(self, database: SimulatedDatabase) -> None:
        self._database = database
        self.reasons: Counter[int] = Counter()
        self._links: dict[int, Link] = {}
        self._leaders: dict[int, int] = {}
        self._sent_at: dict[int, float] = {}
        self._take_over, self._resolve = database.inbox.take_over, database.inbox.resolve_doubts
        database.inbox.take_over = self._note_leader  # type: ignore[method-assign]
        database.inbox.resolve_doubts = self._note_resolved  # type: ignore[method-assign]

    def started(self, number: int, link: Link) -> None:
        """A new instance, and the link that it has to everything else."""
        self._links[number] = link

    def excuse(self, update_id: int) -> None:
        """There is a reason why nobody knows what became of this update's send."""
        self.reasons[update_id] += 1

    def sent(self, update_id: int) -> None:
        """A message for this update has reached Telegram."""
        self._sent_at[update_id] = trio.current_time()

    def killed(self, number: int) -> None:
        """This instance knows nothing any more of what it had in its hands."""
        begun = [row for row in self._database.all_rows() if row.state != "pending" and row.token is not None]
        for update_id in {row.update.update_id for row in begun if self._leaders.get(row.epoch or 0) == number}:
            self.excuse(update_id)

    def is_excused(self, update_id: int) -> bool:
        """Whether its owner could not reach the database, or has sent nothing under what is recorded as begun."""
        row = self._database.inbox.rows[update_id]
        link = self._links.get(self._leaders.get(row.epoch or 0, 0))
        unreachable = self._database.troubled or link is None or link.is_cut("database") or link.loss > 0
        return unreachable or self._sent_at.get(update_id, -1.0) < row.started

    def judge(self) -> None:
        """Raise Violation for an update with more doubts than reasons."""
        for update_id, row in self._database.inbox.processed.items():
            if row.doubts > self.reasons[update_id]:
                reasons = self.reasons[update_id]
                raise Violation(f"G7: update {update_id} was {row.doubts} times in doubt, for {reasons} reasons")

    async def _note_leader(self, holder: UUID, instance: str, lock_pid: int | None = None) -> Term:
        term = await self._take_over(holder, instance, lock_pid)
        self._leaders[term.epoch] = int(instance.removeprefix("i"))
        return term

    async def _note_resolved(
        self,
        term: Term,
        policy: Fallback,
        age: float,
        held: Collection[int],
        *,
        look: bool = False,
        file_age: float = 0.0,
    ) -> Sequence[Resolved]:
        # What a doubt was about has to be read before the inbox has decided on it.
        rows = self._database.inbox.rows
        excused = {each for each in rows if self.is_excused(each)}
        resolved = await self._resolve(term, policy, age, held, look=look, file_age=file_age)
        for update_id, _ in resolved:
            if update_id in excused:
                self.excuse(update_id)
        return resolved
