"""The inbox: every update that has been accepted and is not finished. What intake, leadership and workers know of it.

The life of an update: `store` makes it pending, `begin` by one attempt of the current term makes it processing, and
that attempt's `settle` ends it: done, pending again for a later attempt, dead, with its payload kept, or in doubt. One
that is processing under an older term, or that no worker holds, is in doubt, too. What is in doubt is looked for
(looks.py), and where that cannot tell, `resolve_doubts` applies the policy.

Two classes implement `Inbox`, and the same tests run over both: `PostgresInbox`, and the one in memory that the tests
use.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, NamedTuple, Protocol
from uuid import UUID

from svc.handler.job import FileKind, JobRequest
from svc.settings.environment import Fallback
from svc.storage.looks import DueLook, KnownIds, LookOutcome, LookResult
from svc.storage.orders import NO_ORDERS, Orders

NO_CHAT = 0
"""The `chat_id` of an update that belongs to no chat and no user: it shares no order with any other."""

SENDS_IN_DOUBT = 2
"""How often a message is sent, at most, where it cannot be told whether the send before arrived."""

CANNOT_BE_TOLD = "it cannot be told whether it was sent"
"""Why an update is dead whose message was sent that often."""

GIVEN_UP = "given up before it was sent"
"""Why an attempt that has begun is put back where its instance no longer leads."""


JOB_ENDED = "job"
"""The kind of an inbox row that is no update of Telegram's: it tells the person of a job's end. Its id is less than
0."""


class ChatState(NamedTuple):
    """What is remembered of a chat: a JSON object, and which version of it this is; 0: nothing has been written yet."""

    version: int = 0
    json: bytes = b"{}"


NO_STATE = ChatState()


@dataclass(frozen=True, slots=True)
class Received:
    """An update in the inbox. `payload` is its JSON as it came, `arrived` the time of that on Trio's clock.

    After a replay, `arrived` is the time of the replay. `is_first`: nothing older of its chat was in the inbox when it
    was stored. `has_followers`: younger updates of its chat are in the inbox too, known only of what was read back.
    `message_id` is that of the message which it brings, if it brings one: an id of the chat's sequence
    (telegram_client/message_ids.py) that is not ours. `state` is the chat's, as it was when this was stored or read.
    `blamed`: a former leader has died while its handler was called.
    """

    update_id: int
    chat_id: int
    kind: str
    payload: bytes
    arrived: float
    has_followers: bool = False
    is_first: bool = False
    message_id: int | None = None
    state: ChatState = NO_STATE
    blamed: bool = False

    @property
    def size(self) -> int:
        """How many bytes of content it holds in memory."""
        return len(self.payload) + (len(self.state.json) if self.state.version else 0)


class StoreOutcome(Enum):
    """What became of an update that was given to `store`."""

    DUPLICATE = "duplicate"  # it was here, or has been processed before
    FIRST = "first"  # stored; nothing else of its chat waits
    BEHIND = "behind"  # stored; others of its chat are in the inbox
    DONE = "done"  # there was nothing to do: it has been processed, as ignored


class Stored(NamedTuple):
    """The answer to `store`; `state` is the chat's at that moment, `begun` the answer to an attempt that came along."""

    outcome: StoreOutcome
    state: ChatState = NO_STATE
    begun: Begun | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the inbox: what may be worked on in it, in the order of ids.

    `end` is the last id that was looked at, after which the next window begins; None where the inbox ends.
    """

    updates: list[Received]
    end: int | None


@dataclass(frozen=True, slots=True)
class Term:
    """One period of leadership. A process that wins the lock again gets another epoch and another holder.

    `orders` are those of operators that stood when it began.
    """

    epoch: int
    holder: UUID
    orders: Orders = field(default=NO_ORDERS, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Effects:
    """What an update changes besides being answered. It is written with `begin`, and takes effect in the commit that
    ends the update, whoever makes that: only if it ends as done, or as in_doubt by the policy `skip`.

    `state` is the chat's new state, in JSON; None: unchanged. `job` becomes a row of `jobs` under the update's id, and
    `secret` is what its provider's callback has to know. `cancel` is the job of this chat that is not to be made.
    """

    state: bytes | None = None
    job: JobRequest | None = None
    secret: str = ""
    cancel: int | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one update. `token` is random, so `begin` and `settle` know their own attempt when repeated.

    `repeatable`: every call that it makes may be made twice without harm. `watermark`: the greatest id of the chat's
    sequence that was known before the send, above which the message is looked for; None if it cannot be looked for.
    `dead_if_sent`: what is sent is an apology, after which the update is dead for this reason. `effects`: what else it
    changes. `state_version`: the version of the chat's state that was decided by; where it is another one by now, the
    attempt does not begin (BUSY). `is_nothing`: there is nothing to do and nothing to remember, so the update is done
    where this would begin; only `store` takes such a one.
    """

    update_id: int
    term: Term
    token: int
    repeatable: bool = field(default=False, compare=False)
    watermark: int | None = field(default=None, compare=False)
    dead_if_sent: str | None = field(default=None, compare=False)
    effects: Effects | None = field(default=None, compare=False)
    state_version: int = field(default=0, compare=False)
    is_nothing: bool = field(default=False, compare=False)


class BeginOutcome(Enum):
    """What became of an attempt."""

    BEGUN = "begun"
    DUPLICATE = "duplicate"  # it has been processed before
    BUSY = "busy"  # not pending, an older update of its chat is unfinished, or the chat's state has changed
    FENCED = "fenced"  # another term is current: nothing may begin here


@dataclass(frozen=True, slots=True)
class Begun:
    """The answer to `begin`; `attempts` counts this one, `doubts` the sends so far of which nothing could be told.

    `sent_above`: an earlier send was looked for and not found; should it arrive late, then with an id above this.
    """

    outcome: BeginOutcome
    attempts: int = 0
    doubts: int = 0
    sent_above: int | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The attempt ended the update. `outcome` is kept: done, refused, ignored, in_doubt."""

    outcome: str = "done"
    doubts: int = 0


@dataclass(frozen=True, slots=True)
class Retry:
    """The update waits `delay` seconds for another attempt; `doubts` is 1 if this one's send may have arrived.

    One that an earlier attempt sent, and that was not found, is looked for once more then; with a doubt it is not.
    """

    delay: float
    error: str
    doubts: int = 0


@dataclass(frozen=True, slots=True)
class Dead:
    """No more attempts: the update is kept with its payload and `reason`, and can be replayed."""

    reason: str
    doubts: int = 0


@dataclass(frozen=True, slots=True)
class Unclear:
    """The send may have arrived: it is looked for, first in `delay` seconds. Only for an attempt with a watermark."""

    delay: float
    error: str
    doubts: int = 0


Ending = Done | Retry | Dead | Unclear


class SentFile(NamedTuple):
    """A file in a message that was sent: what Telegram calls it, good for sending it again."""

    kind: FileKind
    file_id: str


@dataclass(frozen=True, slots=True)
class CallMade:
    """One Bot API call of an attempt: `outcome` ok, refused, not_sent, in_doubt or failed; `ms` its milliseconds.

    `message_id` is that of the message which it sent, as the answer says, and `file` the file in it.
    """

    method: str
    outcome: str
    ms: float
    message_id: int | None = None
    file: SentFile | None = None


class Resolved(NamedTuple):
    """An update that was in doubt and what `resolve_doubts` made of it.

    repeat: all its calls are repeatable, so it waits for another attempt and nothing is counted. resend: it waits for
    another attempt. skip: it is done. dead: it has been sent SENDS_IN_DOUBT times already.
    """

    update_id: int
    how: Literal["repeat", "resend", "skip", "dead"]


class Inbox(Protocol):
    """The inbox of one bot, as one instance uses it.

    Every method but `flush` may raise DatabaseUnavailable, after which the write may or may not have been done: all of
    them are safe to repeat.

    An update *may be worked on* if it is pending, due, and nothing older of its chat is in the inbox; or if it was in
    doubt, and looks have just found that it was not sent (looks.CLEARED_FOR). The methods that read back return at
    most a bounded number of rows and bytes, whatever waits, and cost the same whatever waits.

    One send of a chat at a time: the end of a job (JOB_ENDED) comes before the updates of its chat that wait, since its
    id is less than theirs, and does not begin while another row of its chat is begun or in doubt. That other one does
    not wait for it.
    """

    async def store(self, update: Received, attempt: Attempt | None = None) -> Stored:
        """Commit `update`, unless it was here or has been processed before.

        With `attempt` it begins in the same commit, if it is FIRST, the attempt's term is the current one and the
        chat's state has the version that was decided by; otherwise it is stored as without. Nothing is waited for on
        that account. If the caller is cancelled, or an error is raised, it may have begun, and is put back by the inbox
        or to be put back by the caller (`settle` with a retry), respectively.

        A DUPLICATE means what the others mean: the update is as safe as any that was stored just now, also where a
        commit waits for a standby.
        """

    async def begin(self, attempt: Attempt) -> Begun:
        """Mark the update as being processed by this attempt, if it may begin. Repeated, the same answer.

        If its caller is cancelled, an update that was begun for nobody is put back.
        """

    async def dismiss(self, update_id: int) -> None:
        """Record as ignored an update that needs no answer: one that is pending, or has been looked for and not found.

        Nothing is sent for it, so no fence, no order and no attempt are needed.
        """

    async def settle(self, attempt: Attempt, ending: Ending, calls: Sequence[CallMade] = ()) -> None:
        """Record how a begun attempt ended, and the calls that it made. The term need not be current: it did happen.

        The record is made even if the caller is cancelled (it may be already) or the database is away for a time.
        """

    async def flush(self) -> None:
        """Return once no settlement waits to be written. Through an outage of the database it waits."""

    async def backfill(self, limit: int, *, after: int | None = None, without: Collection[int] = ()) -> Window:
        """The next window behind the id `after` (None: the oldest): what in it may be worked on, at most `limit`.

        None whose id is in `without`. If `limit` cuts the window short, its `end` is the last update returned.
        """

    async def newest(self, limit: int, *, without: Collection[int] = ()) -> list[Received]:
        """Of the window with the highest ids, the latest that may be worked on, the latest first; at most `limit`."""

    async def fetch(self, update_ids: Sequence[int]) -> list[Received]:
        """Those of these updates that may be worked on, due or not: whoever asks knows that they are."""

    async def followers(self, chat_ids: Sequence[int], limit: int) -> list[Received]:
        """Of the `limit` oldest updates of each of these chats, those that are pending, in order.

        None from the first on that has to wait: for a retry, or for what becomes of a doubt. That the oldest of the
        chat is in flight is no reason to wait.
        """

    async def take_over(self, holder: UUID, instance: str, lock_pid: int | None = None) -> Term:
        """Begin a new term: whatever older ones left processing is in doubt by that, and nobody wants an older one to
        be given up any more. The term knows the orders that stand (`Term.orders`).

        With `lock_pid`, the server process of the lock's session, only if that one holds the lock; otherwise
        DatabaseUnavailable.
        """

    async def rehearse(self) -> None:
        """Do once what a new term does first, to no effect: on the connection that it uses, the next time is faster."""

    async def resolve_doubts(
        self,
        term: Term,
        policy: Fallback,
        age: float,
        held: Collection[int],
        *,
        look: bool = False,
        file_age: float = 0.0,
    ) -> Sequence[Resolved]:
        """Decide on what is in doubt and began over `age` seconds ago: begun by older terms, or by this term under a
        token that is not in `held`. Nothing, unless `term` is the current one. With `look`, what can be looked for is
        left out. An apology is never sent twice: its update is dead. What tells of a job's end, and may not be made
        twice, may be a file that a former leader has sent right before its end: the term has to be `file_age` seconds
        old for that.
        """

    async def due_looks(
        self, term: Term, held: Collection[int], limit: int, *, without: Collection[int] = ()
    ) -> list[DueLook]:
        """The updates whose send is to be looked for now, at most `limit`; none whose id is in `without`.

        Those that are Unclear, and those in doubt as `resolve_doubts` has it, with a watermark and not repeatable.

        Each is counted as one more look, and is not due again for looks.LOOK_GAP: a look that ends with its process has
        been one. An owner that still lives, as its heartbeats say, is given the time to hear its answers. Nothing,
        unless `term` is the current one.
        """

    async def settle_look(
        self, term: Term, due: DueLook, result: LookResult, policy: Fallback, *, probes: int
    ) -> LookOutcome:
        """Record what a look brought, after so many probes, and what follows (looks.LookOutcome).

        Nothing, unless the row still stands as it did for `due`, and `term` is the current one: so GONE is also the
        answer to a look that is told again.
        """

    async def known_ids(self, due: DueLook) -> KnownIds:
        """What the database knows of the message ids above the watermark of `due`, of its chat's sequence."""

    async def note_deciding(self, term: Term, update_id: int | None) -> int:
        """Note that this update's handler is about to be called (None: no longer any); returns how many earlier leaders
        ended while theirs was being called for it.
        """

    async def note_pause(self, term: Term, reason: str | None, by: str | None = None) -> None:
        """Note for `svc status` that sending is paused, and why; None: it goes on. `by` is the operator whose pause is
        obeyed.
        """

    async def prune(self, age: float, limit: int) -> int:
        """Forget up to `limit` processed updates older than `age` seconds; how many."""

    async def prune_dead(self, age: float, limit: int) -> int:
        """Forget up to `limit` dead updates that died over `age` seconds ago; how many."""

    async def notify_leader(self, update_ids: Sequence[int] = ()) -> None:
        """Tell the instance that leads that these updates were stored (none: that something was)."""
