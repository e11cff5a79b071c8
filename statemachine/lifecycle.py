"""States, the table of edges, and the machine that walks it (the synchronous core of `transitions`)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Generic

import trio
from transitions import EventData, Machine, MachineError

from statemachine.active_event import ActiveEvent, Period


class State(Enum):
    """Where an instance is in its life."""

    BOOT = "BOOT"
    PASSIVE = "PASSIVE"
    ACTIVE = "ACTIVE"
    DRAINING = "DRAINING"


@dataclass(frozen=True)
class Edge:
    """One row of the table: in any of `sources`, `trigger` leads to `target`; `meaning` is for the diagram."""

    sources: tuple[State, ...]
    trigger: str
    target: State
    meaning: str


EDGES = (
    Edge((State.BOOT,), "booted", State.PASSIVE, "database and migrations are ready, HTTP is up"),
    Edge((State.PASSIVE,), "lock_acquired", State.ACTIVE, "a new epoch is taken, workers go"),
    Edge((State.ACTIVE,), "lock_lost", State.PASSIVE, "lease ran out, database gone or given up; work is cancelled"),
    Edge((State.BOOT, State.PASSIVE, State.ACTIVE), "drain", State.DRAINING, "SIGTERM or SIGINT, no new work"),
)


@dataclass(frozen=True)
class Transition:
    """One step that was taken. `held` is how long the state that ended had lasted, in seconds."""

    source: State
    target: State
    trigger: str
    reason: str
    epoch: int | None
    held: float


class IllegalTransition(Exception):
    """A trigger was fired in a state from which the table has no such edge."""


class Lifecycle(Generic[Period]):
    """The state of this instance, and the only place that changes it.

    `active` is the event that workers wait on: entering ACTIVE opens it, leaving ACTIVE closes it. `draining` is set
    once and for good, at the time `drain_began` on Trio's clock (infinity before). `on_transition` is called after
    every step, synchronously, with what happened. Made inside `trio.run`, whose clock measures how long a state lasts.
    """

    def __init__(self, on_transition: Callable[[Transition], None]) -> None:
        self.active: ActiveEvent[Period] = ActiveEvent()
        self.draining = trio.Event()
        self.drain_began = math.inf
        self._on_transition = on_transition
        self._entered = trio.current_time()
        self._changed = trio.Event()
        self._epoch: int | None = None
        self._model = _Model()
        self._machine = Machine(
            model=self._model,
            states=[
                State.BOOT,
                State.PASSIVE,
                {"name": State.ACTIVE, "on_enter": self._enter_active, "on_exit": self._leave_active},
                {"name": State.DRAINING, "on_enter": self._enter_draining},
            ],
            initial=State.BOOT,
            transitions=[
                {"trigger": edge.trigger, "source": list(edge.sources), "dest": edge.target} for edge in EDGES
            ],
            auto_transitions=False,
            send_event=True,
            after_state_change=self._moved,
        )

    @property
    def state(self) -> State:
        """The state now. For reports: work is gated by the ACTIVE event, not by reading this."""
        return self._model.state

    @property
    def epoch(self) -> int | None:
        """The epoch of the latest term of this instance; None before its first."""
        return self._epoch

    def booted(self, reason: str = "ready") -> None:
        """BOOT is over: wait for the lock."""
        self._fire("booted", reason)

    def lock_acquired(self, period: Period, *, epoch: int, reason: str = "lock acquired") -> None:
        """This instance leads from now on, in term `epoch`: the ACTIVE event opens onto `period`."""
        self._fire("lock_acquired", reason, period=period, epoch=epoch)

    def lock_lost(self, reason: str) -> None:
        """This instance leads no more and will wait for the lock again."""
        self._fire("lock_lost", reason)

    def drain(self, reason: str) -> None:
        """Leave for good: finish what is in flight, begin nothing."""
        self._fire("drain", reason)

    async def wait_for(self, state: State) -> None:
        """Return once the instance is in `state`, at once if it is."""
        while self.state is not state:
            await self._changed.wait()

    def _fire(self, trigger: str, reason: str, **more: object) -> None:
        source = self.state
        try:
            self._model.trigger(trigger, reason=reason, **more)
        except MachineError as error:
            raise IllegalTransition(f"{trigger} is not allowed in {source.name}") from error

    # Callbacks of `transitions`: synchronous, so nothing else runs between the change of state and these.

    def _enter_active(self, event: EventData) -> None:
        self._epoch = event.kwargs["epoch"]
        self.active.open(event.kwargs["period"])

    def _leave_active(self, _event: EventData) -> None:
        self.active.close()

    def _enter_draining(self, _event: EventData) -> None:
        self.drain_began = trio.current_time()
        self.draining.set()

    def _moved(self, event: EventData) -> None:
        now = trio.current_time()
        assert event.transition is not None
        step = Transition(
            source=State[event.transition.source],
            target=self.state,
            trigger=event.event.name,
            reason=event.kwargs["reason"],
            epoch=self._epoch,
            held=now - self._entered,
        )
        self._entered = now
        self._changed.set()
        self._changed = trio.Event()
        self._on_transition(step)


class _Model:
    """What `transitions` decorates with `state` and `trigger`."""

    state: State
    trigger: Callable[..., bool]
