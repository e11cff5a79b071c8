"""The operators of a run: they pause and resume, and want leaders to step down. And what their pauses must mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import trio

from svc.delivery.worker import SEND_DEADLINE
from svc.storage.inbox import Term
from svc.storage.orders import NO_ORDERS, Pause, PauseScope, StepDown
from tests.memory.job_rows import EPOCH
from tests.simulation.database import SimulatedDatabase
from tests.simulation.doubts import Violation
from tests.simulation.schedule import OperatorOrder

WHO = "anna@host"


class Operators:
    """Gives orders in the database, and sees that they are kept. `announce` tells those who listen; it is called for
    half of the orders.

    A pause of all sending is known to be obeyed from when the leader has noted it, or a term has begun while it stood.
    From then on no message is sent whose attempt began later, or was not known to have begun; and nothing at all once
    the attempts before it must be over. A pause of a provider or a model is obeyed from when it is written: nothing is
    created that was begun later.
    """

    def __init__(self, database: SimulatedDatabase, announce: Callable[[], None]) -> None:
        self._inbox = inbox = database.inbox
        self._heard_begun = database.heard_begun
        self._announce = announce
        self._obeyed_since: float | None = None
        self._take_over, self._note_pause = inbox.take_over, inbox.note_pause
        inbox.take_over = self._taken_over  # type: ignore[method-assign]
        inbox.note_pause = self._noted  # type: ignore[method-assign]

    async def give(self, order: OperatorOrder) -> None:
        """Give an order, and take it back after a time."""
        if order.kind == "step_down":
            epoch = self._inbox.term.epoch if self._inbox.term is not None else 0
            self._inbox.orders = replace(self._inbox.orders, step_down=StepDown(epoch, WHO))
            self._tell_of(order)
            await trio.sleep(order.lasting)
            self._inbox.orders = replace(self._inbox.orders, step_down=None)
            return
        pause = Pause("sending", "", "a pause", WHO, trio.current_time())
        if order.kind == "pause_model":
            pause = replace(pause, scope="model", name="a model")
        elif order.kind == "pause_provider":
            pause = replace(pause, scope="provider", name="kie")
        self._have((*self._without(pause.scope), pause))
        self._tell_of(order)
        await trio.sleep(order.lasting)
        if pause in self._inbox.orders.pauses:
            self._have(self._without(pause.scope))
            self._tell_of(order)

    def calm(self) -> None:
        """No order stands any more."""
        self._have(())
        self._inbox.orders = NO_ORDERS

    def check_send(self, update_id: int) -> None:
        """A message reaches Telegram."""
        row = self._inbox.rows.get(update_id)
        if self._obeyed_since is not None and row is not None and row.started > self._obeyed_since:
            raise Violation(f"O1: update {update_id} was begun {row.started - self._obeyed_since} s after the pause")
        heard = self._heard_begun.get(update_id)
        if self._obeyed_since is not None and heard is not None and heard > self._obeyed_since:
            raise Violation(f"O1: update {update_id} was not known to have begun before the pause")
        self.check_call("sendMessage")

    def check_call(self, method: str) -> None:
        """A call that a person sees, or a probe, reaches Telegram."""
        if self._obeyed_since is not None and trio.current_time() > self._obeyed_since + SEND_DEADLINE:
            raise Violation(f"O1: {method} while all sending is paused")

    def check_create(self, job_id: int) -> None:
        """A create reaches the provider."""
        job = self._inbox.jobs[job_id].job
        pause = self._inbox.orders.creating(job.provider, job.model)
        if pause is not None and job.submitted_at is not None and job.submitted_at > EPOCH + pause.at:
            raise Violation(f"O2: job {job_id} is created while its {pause.scope} is paused")

    def _tell_of(self, order: OperatorOrder) -> None:
        if int(order.at * 1000) % 2:
            self._announce()

    def _without(self, scope: PauseScope) -> tuple[Pause, ...]:
        return tuple(pause for pause in self._inbox.orders.pauses if pause.scope != scope)

    def _have(self, pauses: tuple[Pause, ...]) -> None:
        self._inbox.orders = replace(self._inbox.orders, pauses=pauses)
        if self._inbox.orders.sending is None:
            self._obeyed_since = None

    def _is_obeyed(self) -> None:
        if self._inbox.orders.sending is not None and self._obeyed_since is None:
            self._obeyed_since = trio.current_time()

    async def _taken_over(self, holder: UUID, instance: str, lock_pid: int | None = None) -> Term:
        term = await self._take_over(holder, instance, lock_pid)
        self._is_obeyed()
        return term

    async def _noted(self, term: Term, reason: str | None, by: str | None = None) -> None:
        await self._note_pause(term, reason, by)
        if by is not None and term == self._inbox.term:
            self._is_obeyed()
