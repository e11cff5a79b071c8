"""What operators have ordered, as the instances are told it: with every heartbeat, and with each new term.

It stands in the tables pauses and leadership. A new leader knows it before it can send anything: the statement that
begins a term returns it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

PauseScope = Literal["sending", "provider", "model"]


@dataclass(frozen=True, slots=True)
class Pause:
    """What an operator has paused: all sending (`name` is empty), or one provider's or model's creates.

    `at` is Unix time by the database's clock.
    """

    scope: PauseScope
    name: str
    reason: str
    by: str
    at: float


@dataclass(frozen=True, slots=True)
class StepDown:
    """The term with this epoch is to be given up to another instance, as `by` wants it."""

    epoch: int
    by: str


@dataclass(frozen=True, slots=True)
class Orders:
    """All orders that stand."""

    pauses: tuple[Pause, ...] = ()
    step_down: StepDown | None = None

    @property
    def sending(self) -> Pause | None:
        """The pause of all sending, if there is one."""
        return next((pause for pause in self.pauses if pause.scope == "sending"), None)

    def creating(self, provider: str, model: str) -> Pause | None:
        """The pause that keeps this model of this provider from being created, if there is one."""
        stopped = {("provider", provider), ("model", model)}
        return next((pause for pause in self.pauses if (pause.scope, pause.name) in stopped), None)


NO_ORDERS = Orders()

# All pauses of the bot $1, as `read_pauses` takes them.
PAUSES = """(SELECT coalesce(jsonb_agg(jsonb_build_object(
        'scope', p.scope, 'name', p.name, 'reason', p.reason, 'by', p.paused_by,
        'at', extract(epoch FROM p.paused_at)::float8) ORDER BY p.scope, p.name), '[]')::text
    FROM pauses p WHERE p.bot_id = $1)"""

read_pauses = msgspec.json.Decoder(tuple[Pause, ...]).decode
