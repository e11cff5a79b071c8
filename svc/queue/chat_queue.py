"""What this instance is about to work on: a chat in order, chats side by side, everything bounded.

The synchronous core decides; `take` only waits. At most one update of a chat is out at a time; its followers queue
behind it. What is ready stands in two lanes (lanes.py): the backlog, and newcomers, who have places and bytes of their
own that a backlog cannot fill.

The queue is a view of the inbox, never a store: whatever it has no room for stays there. It says what it wants read:
`places` when it has room for more chats, `followers` which chats run dry, `due` what was set aside, and `news` what it
is told of. svc/delivery/backfill.py reads all that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import trio

from svc.queue.chat import Chat, chat_key
from svc.queue.contents import BYTES, Contents
from svc.queue.due import DueTimes, RecentlyGone
from svc.queue.followers import FOLLOWERS, Followers
from svc.queue.held import Held
from svc.queue.lanes import NEWCOMERS, Lanes
from svc.queue.new_work import NewWork
from svc.queue.places import CHATS, Places
from svc.storage.inbox import NO_CHAT, Received

# An update that was not begun is looked at again after this many seconds.
LOOK_AGAIN_AFTER = 1.0


class ChatQueue:
    """The updates of one term. Made anew for each, so that nothing of an old term can be worked on."""

    def __init__(
        self,
        news: NewWork | None = None,
        *,
        chats: int = CHATS,
        followers: int = FOLLOWERS,
        newcomers: int = NEWCOMERS,
        size: int = BYTES,
    ) -> None:
        self.news = NewWork() if news is None else news
        self._contents = Contents(size)
        self.followers = Followers(self._contents, followers)
        self._lanes = Lanes(newcomers)
        self._takers = trio.lowlevel.ParkingLot()
        self._begun: deque[Received] = deque()
        self.due = DueTimes()
        self._held = Held()
        self._gone = RecentlyGone()
        self.places = Places(self._contents, self._lanes, self._held, chats)
        self._closed = False
        self._waits: set[trio.CancelScope] = set()

    def __len__(self) -> int:
        return len(self._contents)

    @property
    def bytes(self) -> int:
        """The payloads of everything in the queue."""
        return self._contents.bytes

    def heads(self, after: int | None = None) -> list[int]:
        """The ids behind `after` of which reading back could bring another copy: one for each chat."""
        heads = (chat.head for chat in self._contents.chats.values())
        return [head.update_id for head in heads if head is not None and (after is None or head.update_id > after)]

    def has_chat(self, chat_id: int) -> bool:
        """Whether updates of this chat are here."""
        return (chat_id, 0) in self._contents.chats

    def fits(self, update: Received) -> bool:
        """Whether there is room for `update` in the backlog, or its chat is here already."""
        if self._contents.chat_of(update) is not None:
            return True
        return self.places.fits(update)

    def add(self, update: Received) -> bool:
        """Take `update` in; False if it is in already or has just left, or if it stays in the inbox: no room, closed.

        With `is_first` and nothing behind it, it is a newcomer.
        """
        now = trio.current_time()
        if self._closed or update in self._contents or self._gone.includes(update.update_id, now):
            return False
        chat = self._contents.chat_of(update)
        if chat is not None:
            return self._add_follower(chat, update)
        newcomer = update.is_first and not update.has_followers
        if not (self._make_bytes(update) if newcomer else self.fits(update)):
            self.places.leave_out()
            return False
        behind = update.has_followers and update.chat_id != NO_CHAT
        self._contents.add_chat(Chat(chat_key(update), update, behind), update)
        if newcomer:
            self._lanes.put_newcomer(update, now)
            self._sort_out_newcomers()
            self._takers.unpark()
        else:
            self._ready(update)
        return True

    @property
    def idle_takers(self) -> int:
        """How many wait in `take` while nothing is ready."""
        return 0 if self._begun or len(self._lanes) else len(self._takers)

    def add_begun(self, update: Received) -> bool:
        """Take in an update that has begun already: it comes out next. False if closed, or if its chat is here."""
        if self._closed or self._contents.chat_of(update) is not None:
            return False
        self._contents.add_chat(Chat(chat_key(update), update, False), update)
        self._begun.append(update)
        self._takers.unpark()
        return True

    async def take(self) -> Received:
        """The next update whose chat is free. Raises trio.EndOfChannel once the queue is closed."""
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._closed:
            self._sort_out_newcomers()
            update = self._begun.popleft() if self._begun else self._lanes.next()
            if update is not None:
                self.followers.ask_if_dry(self._contents.chats[chat_key(update)])
                await trio.lowlevel.cancel_shielded_checkpoint()
                return update
            await self._takers.park()
        raise trio.EndOfChannel

    def done(self, update: Received) -> None:
        """`update` is finished: the next of its chat is ready."""
        self._contents.remove(update)
        self._gone.add(update.update_id, trio.current_time())
        chat = self._contents.chat_of(update)
        if chat is None:
            return
        if self.places.spare < 0 and (chat.waiting or chat.behind):
            # More newcomers have become part of the backlog than fit. This chat has had its turn.
            self.places.leave_out()
            self._leave(chat)
        else:
            self._go_on(chat)

    def set_aside(self, update: Received, delay: float | None = None) -> None:
        """`update` stays in the inbox for later, and its chat's followers with it: they may not overtake.

        `delay` is when it is due again, in seconds. Without it something older of its chat may be in its way, which is
        one of the followers or in nobody's memory: all of them are looked at again after a second.
        """
        now = trio.current_time()
        self.due.add(update.update_id, now + (LOOK_AGAIN_AFTER if delay is None else delay))
        self._gone.add(update.update_id, now)
        chat = self._contents.chat_of(update)
        if chat is None:
            return
        for follower in chat.waiting if delay is None else ():
            self.due.add(follower.update_id, now + LOOK_AGAIN_AFTER)
        self._leave(chat)

    def hold(self, update: Received, delay: float) -> None:
        """`update` comes out again after `delay` seconds; until then its chat waits, and no other."""
        self._held.add(update, trio.current_time() + delay)
        self.places.ask_if_low()

    async def release_held(self) -> None:
        """Let held updates come out when they are due, until cancelled."""
        await self._held.release(self._ready)

    def look_at(self, update_ids: Iterable[int]) -> None:
        """These updates may be worked on again."""
        for update_id in update_ids:
            self.due.add(update_id, trio.current_time())

    def take_due(self, limit: int) -> list[int]:
        """The ids of at most `limit` updates that are due; they are forgotten here, and may come in again."""
        ids = self.due.take(trio.current_time(), limit)
        for update_id in ids:
            self._gone.forget(update_id)
        return ids

    def add_followers(self, chat_id: int, oldest: Sequence[Received]) -> None:
        """The inbox's answer: the oldest of the chat, in order, of which some may be here; none where it must wait."""
        chat = self._contents.chats.get((chat_id, 0))
        if chat is None or not chat.is_asking:
            return
        new = [each for each in oldest if self._is_new(each)]
        fit = self.followers.take_in(chat, new)
        chat.answered(more=fit < len(new) or (bool(oldest) and oldest[-1].has_followers), empty=not oldest)
        if chat.head is None:
            if new and not fit:
                self.places.leave_out()
                self._leave(chat)
            else:
                self._go_on(chat)

    @contextmanager
    def until_closed(self) -> Iterator[trio.CancelScope]:
        """Run the block; cancelled once the queue is closed."""
        scope = trio.CancelScope()
        if self._closed:
            scope.cancel(reason="the queue is closed")
        self._waits.add(scope)
        try:
            with scope:
                yield scope
        finally:
            self._waits.discard(scope)

    def close(self) -> None:
        """No more updates come out: whoever waits in `take`, or comes later, gets EndOfChannel."""
        self._closed = True
        for scope in self._waits:
            scope.cancel(reason="the queue is closed")
        self._takers.unpark_all()

    def _is_new(self, update: Received) -> bool:
        now = trio.current_time()
        return update not in self._contents and not self._gone.includes(update.update_id, now)

    def _add_follower(self, chat: Chat, update: Received) -> bool:
        """One that was not asked for as a follower. Where others of the chat may be missing here, it waits for them."""
        if chat.takes_hints and self.followers.take_in(chat, [update]):
            chat.behind = update.has_followers
            return True
        chat.behind = True
        self.followers.ask_if_dry(chat)
        return False

    def _ready(self, update: Received) -> None:
        self._lanes.put(update)
        self._takers.unpark()

    def _go_on(self, chat: Chat) -> None:
        """The chat's head is gone: the next of it is ready, or it keeps its place while more is read, or it leaves."""
        update = None if self._closed else chat.next()
        if update is not None:
            self._ready(update)
        if chat.behind or chat.is_asking:
            self.followers.ask_if_dry(chat)
        elif update is None:
            self._leave(chat)

    def _leave(self, chat: Chat) -> None:
        self._contents.remove_chat(chat)
        self.followers.forget(chat)
        self.places.ask_if_low()
        if self.due.next <= trio.current_time():
            self.due.changed.set()

    def _sort_out_newcomers(self) -> None:
        """Let who is no newcomer any more wait behind all that is older: in the inbox, if some of that is there."""
        for update in self._lanes.outgrown(trio.current_time()):
            if self.places.more or self.places.spare < 0:
                self._push_out(update)
            else:
                self._lanes.put(update)

    def _make_bytes(self, newcomer: Received) -> bool:
        """Make room for a newcomer's bytes, at the expense of those that came before it; whether it fits."""
        while not self._contents.has_bytes_for(newcomer):
            other = self._lanes.push_out()
            if other is None:
                return False
            self._push_out(other)
        return True

    def _push_out(self, newcomer: Received) -> None:
        self.places.leave_out()
        self._leave(self._contents.chats[chat_key(newcomer)])
