"""The two lanes of what is ready: who is next."""

from __future__ import annotations

from svc.queue.lanes import NEWCOMER_SECONDS, Lanes
from svc.storage.inbox import Received


def update(update_id: int) -> Received:
    return Received(update_id, update_id, "message", b"{}", 0.0)


def order(lanes: Lanes) -> list[int]:
    """Who comes out, one after the other, until nobody is ready."""
    found = []
    while (next_one := lanes.next()) is not None:
        found.append(next_one.update_id)
    return found


def filled(backlog: int, newcomers: int, lanes: Lanes | None = None) -> Lanes:
    """A backlog of 1, 2, 3, ... and newcomers 101, 102, 103, ..., one a second."""
    lanes = lanes or Lanes()
    for number in range(1, backlog + 1):
        lanes.put(update(number))
    for number in range(1, newcomers + 1):
        lanes.put_newcomer(update(100 + number), now=float(number))
    return lanes


def test_every_third_place_is_a_newcomers_the_newest_first() -> None:
    """While both wait; the backlog stays in its order."""
    assert order(filled(6, 3)) == [1, 2, 103, 3, 4, 102, 5, 6, 101]


def test_without_a_backlog_newcomers_are_first_come_first_served() -> None:
    """And a backlog without newcomers has every place."""
    assert order(filled(0, 3)) == [101, 102, 103]
    assert order(filled(3, 0)) == [1, 2, 3]


def test_who_has_waited_or_has_too_many_above_is_no_newcomer_any_more() -> None:
    """The oldest first, and each once."""
    lanes = filled(1, 10, Lanes(newcomers=6))
    assert [each.update_id for each in lanes.outgrown(now=10.0)] == [101, 102, 103, 104, 105]
    assert [each.update_id for each in lanes.outgrown(now=6.0 + NEWCOMER_SECONDS)] == [106]
    assert lanes.newcomers == 4
    assert len(lanes) == 5


def test_the_newcomer_that_has_waited_longest_can_be_pushed_out() -> None:
    """None if there is none."""
    lanes = filled(1, 2)
    pushed = [lanes.push_out() for _ in range(3)]
    assert [each and each.update_id for each in pushed] == [101, 102, None]
