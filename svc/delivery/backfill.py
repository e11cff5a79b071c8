"""Reading back from the inbox what the queue has no hint of. Every statement is bounded in rows and bytes.

Three ways are fast: updates that are known by their id (set aside before and due again, or told of by whoever stored
them), the next of a chat that runs dry, and the newest where something was stored and nobody knows what. Losing all
that loses nothing, for the fourth way needs no hint: a sweep goes through the inbox in windows, from the oldest to the
newest and round again, whenever the queue has room. So what one chat has waiting delays nobody else's reading back by
more than the windows that it fills.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import trio

from svc.delivery.active_period import ActivePeriod
from svc.delivery.database_away import or_later
from svc.delivery.first_window import FIRST_UPDATES
from svc.queue.followers import FOLLOWERS
from svc.storage.inbox import Received, Window

# Updates that are fetched by their ids at once, and chats that are asked for their next.
IDS_AT_ONCE = 256
CHATS_AT_ONCE = 16
# The sweep: a round begins at least this often, and a window is asked for so many updates.
SWEEP_EVERY = 1.0
SWEEP_UPDATES = 250
# Of windows that bring nothing, and of looks at the newest, one in so many seconds: millions of rows behind chats that
# must wait are gone through in minutes, and the database has time for other things.
LOOK_EVERY = 0.1
# Between tries while the database is away.
AGAIN_AFTER = 1.0


async def backfill(period: ActivePeriod) -> None:
    """Feed the period's queue from the inbox, until cancelled."""
    async with trio.open_nursery() as nursery:
        for way in (_read_due, _read_told, _read_newest, _read_followers, _sweep):
            nursery.start_soon(way, period)


async def _read_due(period: ActivePeriod) -> None:
    """What was set aside, once it is due; in the backlog's places, as soon as there is one."""
    queue = period.queue
    while True:
        while ids := queue.take_due(min(IDS_AT_ONCE, queue.places.room)):
            found = await or_later(partial(period.inbox.fetch, ids))
            queue.look_at(_not_reached(ids, found))
            if found is None:
                await trio.sleep(AGAIN_AFTER)
            for update in found or ():
                queue.add(update)
        with trio.move_on_at(queue.due.next if queue.places.room else trio.current_time() + SWEEP_EVERY):
            await queue.due.changed.wait()


async def _read_told(period: ActivePeriod) -> None:
    """What other instances have stored. Where nothing else of its chat waits, it is a newcomer like any other."""
    news = period.queue.news
    while True:
        await news.known.wait()
        while ids := news.take_ids(IDS_AT_ONCE):
            found = await or_later(partial(period.inbox.fetch, ids))
            if rest := _not_reached(ids, found):
                news.tell(rest)
            if found is None:
                await trio.sleep(AGAIN_AFTER)
            _add_newcomers(period, found or ())


def _not_reached(ids: Sequence[int], found: Sequence[Received] | None) -> list[int]:
    """Those of `ids` that are to be read again: all if there was no answer, else what lies behind the last of it.

    An answer is bounded in bytes and goes by ids. Of what lies behind the last nothing may be left to be worked on:
    then the next answer is empty, and that was all.
    """
    if found is None:
        return list(ids)
    last = max((update.update_id for update in found), default=math.inf)
    return [update_id for update_id in ids if update_id > last]


async def _read_newest(period: ActivePeriod) -> None:
    """Something was stored, and nobody knows what: the newest that are not here yet."""
    queue = period.queue
    while True:
        await queue.news.unknown.wait()
        found = await or_later(partial(period.inbox.newest, IDS_AT_ONCE, without=queue.heads()))
        if found is None:
            queue.news.tell()
            await trio.sleep(AGAIN_AFTER)
        else:
            _add_newcomers(period, found)
            await trio.sleep(LOOK_EVERY)


def _add_newcomers(period: ActivePeriod, found: Sequence[Received]) -> None:
    for update in sorted(found, key=lambda each: each.update_id):
        period.queue.add(replace(update, is_first=True))


async def _read_followers(period: ActivePeriod) -> None:
    """The next of each chat that runs dry."""
    followers = period.queue.followers
    while True:
        await followers.wanted.wait()
        while chats := followers.take_chats(CHATS_AT_ONCE):
            if not await _read_followers_of(period, chats):
                await trio.sleep(AGAIN_AFTER)


async def _read_followers_of(period: ActivePeriod, chats: Sequence[int]) -> bool:
    """Whether the inbox has answered. Chats without an answer are to be asked for again, whatever happens."""
    queue = period.queue
    waiting = set(chats)
    try:
        found = await or_later(partial(period.inbox.followers, chats, FOLLOWERS))
        if found is None:
            return False
        by_chat: defaultdict[int, list[Received]] = defaultdict(list)
        for update in found:
            by_chat[update.chat_id].append(update)
        # The answer is bounded in bytes, and goes by chats: those behind its last may not have been reached.
        last = max(by_chat, default=math.inf)
        for chat_id in chats:
            if chat_id <= last:
                queue.add_followers(chat_id, by_chat[chat_id])
                waiting.discard(chat_id)
        return True
    finally:
        queue.followers.failed(waiting)


@dataclass
class _Round:
    """One round through the inbox: behind which id it stands, and what had been left out when it began."""

    left_out: int
    after: int | None = None


class _Look(NamedTuple):
    """What one look at a window brought: how many updates came in, and whether the window ended for want of room."""

    added: int
    cut_short: bool
    ended: bool


class _Pause(NamedTuple):
    """How long the sweep rests, and how long it then waits unless it is asked for more."""

    rest: float
    wait: float = 0.0


async def _sweep(period: ActivePeriod) -> None:
    """Go through the inbox, window after window, round after round."""
    places = period.queue.places
    this_round = _Round(places.left_out)
    first = await period.first_window.take()
    while True:
        places.wants_backfill.clear()
        began = trio.current_time()
        look = await _look(period, this_round) if first is None else _take_in(period, this_round, first, FIRST_UPDATES)
        first = None
        if look is not None and look.ended:
            if places.left_out == this_round.left_out:
                places.caught_up()
            this_round = _Round(places.left_out)
        pause = _pause_after(look, trio.current_time() - began)
        await trio.sleep(pause.rest)
        with trio.move_on_after(pause.wait):
            await places.wants_backfill.wait()


async def _look(period: ActivePeriod, this_round: _Round) -> _Look | None:
    """Read the next window of the round; None if the database is away."""
    queue = period.queue
    limit = min(SWEEP_UPDATES, queue.places.room)
    if not limit:
        queue.places.expect_more()
        return _Look(0, cut_short=True, ended=False)
    after = this_round.after
    read = partial(period.inbox.backfill, limit, after=after, without=queue.heads(after))
    window = await or_later(read)
    return None if window is None else _take_in(period, this_round, window, limit)


def _take_in(period: ActivePeriod, this_round: _Round, window: Window, limit: int) -> _Look:
    """Let the window's updates into the queue. The round goes on behind the last that there was room for."""
    queue = period.queue
    added = 0
    for update in window.updates:
        if not queue.fits(update):
            queue.places.expect_more()
            return _Look(added, cut_short=True, ended=False)
        added += queue.add(update)
        this_round.after = update.update_id
    this_round.after = window.end
    ended = window.end is None
    cut_short = len(window.updates) >= limit and not ended
    if cut_short:
        queue.places.expect_more()
    return _Look(added, cut_short, ended)


def _pause_after(look: _Look | None, took: float) -> _Pause:
    """Rest as long as the look took, so that the sweep has half of one connection's time at most."""
    if look is None:
        return _Pause(AGAIN_AFTER)
    rest = took if look.added else max(took, LOOK_EVERY)
    return _Pause(rest, SWEEP_EVERY if look.cut_short or look.ended else 0.0)
