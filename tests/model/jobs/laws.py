"""The laws of jobs, as functions from a state to whether it keeps them."""

from __future__ import annotations

from collections.abc import Callable

from tests.model.jobs.state import END, OVER, OWN, State

LAWS: dict[str, Callable[[State], bool]] = {
    "created once": lambda state: state.created <= 1,
    "delivered once": lambda state: state.messages[END] <= 1,
    "unknown only in doubt": lambda state: state.job.state != "unknown" or state.unheard,
    "its own task": lambda state: state.job.task in (0, OWN),
    "told when over": lambda state: state.rows[END].state == "none" or state.job.state in OVER,
    "over is told": lambda state: state.job.state not in OVER or state.rows[END].state != "none",
    "delivered is told": lambda state: (state.job.state, state.rows[END].state) != ("ready", "done"),
    "delivered was made": lambda state: state.job.state not in ("ready", "delivered") or state.over,
    "not lost": lambda state: state.asked == "begun" or state.job.state != "none",
    "one send of a chat at a time": lambda state: not state.crossed,
}


def broken(state: State) -> str | None:
    """The first law that the state breaks."""
    return next((name for name, holds in LAWS.items() if not holds(state)), None)
