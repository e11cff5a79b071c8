"""The state of the model: what the database, the wire and two processes hold, as immutable tuples.

Theory of operation, abstractions and bounds: see the package's docstring.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from tests.model.telegram import NOTHING_SENT, Telegram

RowState = Literal["pending", "processing", "in_doubt"]
Ending = Literal["none", "done", "doubt", "dead", "again", "unclear"]
"""How an attempt ends: delivered; called without an answer, and back to pending or dead with a doubt more; not sent;
called without an answer, and to be looked for.
"""

Phase = Literal["passive", "taking", "active"]
"""taking: the lock is granted and take-over asked for. active: the take-over is committed."""

Stage = Literal["storing", "asking", "begun", "called", "unheard", "settling"]
"""storing: the store that may begin it asked for. asking: begin asked for. begun: committed. called: the call has left.
unheard: it has left and no answer will come. settling: how it ended is asked to be kept.
"""

Verdict = Literal["none", "found", "absent", "unsure", "untold"]
"""What a look says. none: it has not probed yet. unsure: a later one may say more. untold: none can."""

NO_TOKEN = 0


class Row(NamedTuple):
    """A row of the inbox. Epoch and token are 0 where the table has NULL."""

    state: RowState = "pending"
    epoch: int = 0
    token: int = NO_TOKEN
    doubts: int = 0
    watermark: int = 0
    """How many of the messages that are not known (`Telegram.unknown`) lie below the ids that are looked at."""
    looks: int = 0
    absent: int = 0
    resends: int = 0
    claimed: bool = False
    """A look has claimed it, and nothing has been written since: look_at is still what the claim has set."""


class Update(NamedTuple):
    """One update: its row, what processed_updates says (its doubts), and what happened outside the database.

    With neither it has not been stored yet.
    """

    row: Row | None = Row()
    done: int | None = None
    sends: int = 0
    """Messages at Telegram. Without looks each call counts from the moment it leaves."""
    told: bool = False
    """The database was told that the row's attempt was delivered, and did not record it (mutant)."""
    dead: bool = False
    resent: bool = False
    """It was sent again because looks had found nothing."""
    looked: int = 0
    """Looks since its row last began of which it was heard that they are recorded."""

    @property
    def doubts(self) -> int:
        """Every doubt that is on record."""
        return (self.row.doubts if self.row else 0) + (self.done or 0)


class Lock(NamedTuple):
    """The session at the server that holds the lock. Not `attached`: its client is gone and it has not noticed."""

    owner: int
    attached: bool = True
    silent: int = 0
    """Ticks since it last heard anything."""


class Beat(NamedTuple):
    """A heartbeat on its way there or back; `age` in ticks since it was sent."""

    leg: Literal["request", "answer"]
    age: int = 0


class Message(NamedTuple):
    """A statement that nobody waits for any more, and that the server may still execute."""

    kind: Literal["store", "begin", "new_term", "settle"]
    owner: int
    epoch: int = 0
    update: int = 0
    token: int = NO_TOKEN
    ending: Ending = "none"
    read: bool = False
    """It has read the term and not written yet (mutant)."""


class Work(NamedTuple):
    """What an instance's worker is about."""

    stage: Stage
    update: int
    token: int
    ending: Ending = "none"
    read: bool = False
    watermark: int = 0


class Look(NamedTuple):
    """One look at a row, as it was claimed, and what it says. `place`: where in `Telegram.unknown` it found one."""

    update: int
    token: int
    number: int
    absent: int
    verdict: Verdict = "none"
    place: int = -1


class Instance(NamedTuple):
    """The memory of one process."""

    phase: Phase = "passive"
    epoch: int = 0
    lease: int = 0
    """Ticks until it ends."""
    beat: Beat | None = None
    issued: int = 0
    """The tokens given to attempts of this term, a bit each."""
    work: Work | None = None
    look: Look | None = None

    # Spelt out, as in State: searches do little else, and `_replace` is three times slower.

    def with_lease(self, lease: int, beat: Beat | None) -> Instance:
        """The same with that much of its lease left and that heartbeat on its way."""
        phase, epoch, _, _, issued, work, look = self
        return Instance(phase, epoch, lease, beat, issued, work, look)

    def with_work(self, work: Work | None) -> Instance:
        """The same with its worker about something else."""
        phase, epoch, lease, beat, issued, _, look = self
        return Instance(phase, epoch, lease, beat, issued, work, look)

    def with_look(self, look: Look | None) -> Instance:
        """The same with another look under way."""
        phase, epoch, lease, beat, issued, work, _ = self
        return Instance(phase, epoch, lease, beat, issued, work, look)

    def with_attempt(self, work: Work) -> Instance:
        """The same with its worker about an attempt whose token is given out with that."""
        phase, epoch, lease, beat, issued, _, look = self
        return Instance(phase, epoch, lease, beat, issued | 1 << work.token, work, look)

    @property
    def free_token(self) -> int:
        """The least token that it has not given out."""
        free = ~self.issued & -2  # the bits from 1 on that are not set
        return (free & -free).bit_length() - 1

    @property
    def may_send(self) -> bool:
        """ACTIVE by its own clock."""
        return self.phase == "active" and self.lease > 0


FRESH = Instance()
"""A process that knows nothing of before."""


class Slips(NamedTuple):
    """What must never happen, noted by the step in which it does."""

    sent_without_lock: bool = False
    begun_out_of_term: bool = False
    sent_after_told: bool = False
    found_anothers: bool = False
    begun_while_looked_for: bool = False
    edited: bool = False


NO_SLIPS = Slips()


class State(NamedTuple):
    """Everything. Two instances, two updates."""

    # The four below are spelt out because searches do little else, and `_replace` is three times slower.

    epoch: int = 0
    holder: int = -1
    lock: Lock | None = None
    updates: tuple[Update, ...] = (Update(), Update())
    instances: tuple[Instance, ...] = (Instance(), Instance())
    wire: tuple[Message, ...] = ()
    copies: int = 0
    """Redelivered updates that slipped into the inbox beside the record that they are done."""
    kills: int = 0
    slips: Slips = NO_SLIPS
    telegram: Telegram = NOTHING_SENT

    def with_instance(self, number: int, instance: Instance) -> State:
        """The same with one instance changed."""
        instances = (instance, self.instances[1]) if number == 0 else (self.instances[0], instance)
        epoch, holder, lock, updates, _, wire, copies, kills, slips, telegram = self
        return State(epoch, holder, lock, updates, instances, wire, copies, kills, slips, telegram)

    def with_update(self, number: int, update: Update) -> State:
        """The same with one update changed."""
        updates = (update, self.updates[1]) if number == 0 else (self.updates[0], update)
        epoch, holder, lock, _, instances, wire, copies, kills, slips, telegram = self
        return State(epoch, holder, lock, updates, instances, wire, copies, kills, slips, telegram)

    def with_wire(self, wire: tuple[Message, ...]) -> State:
        """The same with other messages on the wire."""
        epoch, holder, lock, updates, instances, _, copies, kills, slips, telegram = self
        return State(epoch, holder, lock, updates, instances, wire, copies, kills, slips, telegram)

    def with_telegram(self, telegram: Telegram) -> State:
        """The same with other messages at Telegram."""
        epoch, holder, lock, updates, instances, wire, copies, kills, slips, _ = self
        return State(epoch, holder, lock, updates, instances, wire, copies, kills, slips, telegram)

    def leads(self, owner: int, epoch: int) -> bool:
        """Whether that term is the current one in the database."""
        return self.epoch == epoch and self.holder == owner

    def has_lock(self, owner: int) -> bool:
        """Whether that process' session holds the lock at the server."""
        lock = self.lock
        return lock is not None and lock.owner == owner and lock.attached

    def has_session(self, owner: int) -> bool:
        """Whether the server has not noticed yet that this session, which holds the lock, has no client any more."""
        lock = self.lock
        return lock is not None and lock.owner == owner and not lock.attached


class Label(NamedTuple):
    """The name of a step, with all that a replay needs."""

    action: str
    owner: int = -1
    update: int = -1
    epoch: int = 0
    token: int = NO_TOKEN
    detail: str = ""

    def __str__(self) -> str:
        who = f"{'AB'[self.owner]}." if self.owner >= 0 else ""
        what = [f"u{self.update + 1}"] if self.update >= 0 else []
        what += [f"e{self.epoch}"] if self.epoch else []
        what += [f"#{self.token}"] if self.token else []
        what += [self.detail] if self.detail else []
        return f"{who}{self.action}({' '.join(what)})" if what else f"{who}{self.action}"
