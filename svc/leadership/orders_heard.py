"""What this instance has heard of operators' orders, by its heartbeats and by the statement that begins a term."""

from __future__ import annotations

from collections.abc import Callable

from svc.storage.orders import NO_ORDERS, Orders, Pause
from svc.waiting import Wakeup


class OrdersHeard:
    """The orders as they were heard last. `pause_sending` is told of the pause of all sending, or that there is none.

    Two answers can be under way at once, a heartbeat's and a new term's, and nobody knows which of them is newer. So
    where one was asked for before another had come, what either of them says holds until the next one: a pause that is
    in force is never lifted by old news.
    """

    def __init__(self, pause_sending: Callable[[Pause | None], None]) -> None:
        self.now = NO_ORDERS
        self.heard = Wakeup()
        """Set by each answer."""
        self._pause_sending = pause_sending
        self._ticks = 0
        self._last_answer = 0

    def asking(self) -> int:
        """To be called right before the database is asked: what `hear` needs to know of the answer."""
        self._ticks += 1
        return self._ticks

    def hear(self, orders: Orders, asked: int) -> None:
        """The answer to what was asked when `asking` returned `asked`."""
        self.now = either(self.now, orders) if asked < self._last_answer else orders
        self._last_answer = self.asking()
        self._pause_sending(self.now.sending)
        self.heard.set()


def either(one: Orders, other: Orders) -> Orders:
    """All that one of the two says."""
    pauses = {(pause.scope, pause.name): pause for pause in (*one.pauses, *other.pauses)}
    return Orders(tuple(pauses.values()), other.step_down or one.step_down)
