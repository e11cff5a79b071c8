"""Who is told what: processes, Telegram and the balancer on one side, the score and the history on the other."""

from __future__ import annotations

import time
from collections import deque
from datetime import datetime

import trio

from demo.databases import Databases
from demo.instances.instance import Instance
from demo.instances.instance_log import Event
from demo.keeper import Keeper
from demo.people import People, is_crowd
from demo.score.handovers import Handovers
from demo.score.history import History
from demo.score.ledger import ask_database
from demo.score.score import Score
from fleet.bot_api import BotApiCall
from sandbox.call_log import RecordedCall
from sandbox.state import BotState, PendingUpdate
from sandbox.telegram import Telegram
from svc.plots.time_plot import Mark

ASK_EVERY = 1.0
CALLS_KEPT = 1_000
"""Of each instance the times of so many calls."""


class Wiring:
    """Passes on what happens, as it happens. `changed` wakes everyone who waits for an instance to come or go."""

    def __init__(self, telegram: Telegram, keeper: Keeper) -> None:
        self.people = People(telegram)
        self.score = Score()
        self.history = History()
        self.handovers = Handovers(self.score.handed_over, lambda: self.people.rate > 0)
        self.judged: set[int] = set()
        """Who presses nothing but /start, besides the crowd."""
        self.judging = True
        """Whether a /start is answered at all; if not, nobody is owed an answer or waits for one."""
        self.news = ""
        self.changed = trio.lowlevel.ParkingLot()
        self._calls: dict[str, deque[float]] = {}
        self._awaited: dict[int, trio.Event] = {}
        self._telegram = telegram
        self._keeper = keeper
        self._next_update = 0

    def begin(self) -> None:
        """From now on what people do and what the bot calls counts."""
        self._next_update = self._telegram.bot().next_update_id
        self._telegram.watch(self._pressed)
        self._telegram.call_log.watch(self._called)

    def acknowledged(self, update_id: int, seconds: float, at: float) -> None:
        """An instance has answered a webhook with 200."""
        self.score.acknowledged(update_id, seconds, at)
        self.history.acknowledged(at, seconds)

    def observed(self, instance: str, call: BotApiCall) -> None:
        """An instance calls the Bot API."""
        self._calls.setdefault(instance, deque(maxlen=CALLS_KEPT)).append(call.begun)
        if call.chat_id is not None:
            self.handovers.called(instance, call.begun)

    def calls_since(self, instance: str, at: float) -> int:
        """How often an instance has called since this Unix time, as far as its calls are kept."""
        return sum(begun >= at for begun in self._calls.get(instance, ()))

    def happened(self, text: str, label: str = "") -> None:
        """It becomes the news and a mark in the history. What was done to the system has a label, a word or two."""
        self.news = text
        self.history.mark(Mark(time.time(), text, label))

    def started(self, instance: Instance) -> None:
        """A process has been started."""
        self._keeper.started(instance.pid)

    def logged(self, instance: Instance, event: Event) -> None:
        """An instance has logged something."""
        if event["event"] == "FOUND":
            self.score.found_out()
        elif event["event"] == "STATE":
            if event["to"] == "ACTIVE":
                self.handovers.leads(instance.name, datetime.fromisoformat(event["timestamp"]).timestamp())
                self.happened(f"The {instance.name} instance leads.")
            self.changed.unpark_all()
        elif event["event"] == "DONE" and event["update_id"] in self._awaited:
            self._awaited[event["update_id"]].set()

    async def until_done(self, update_id: int) -> None:
        """Wait until an instance has logged that it is done with this update, which was sent just now."""
        done = self._awaited[update_id] = trio.Event()
        try:
            await done.wait()
        finally:
            del self._awaited[update_id]

    def halted(self, instance: Instance) -> None:
        """An instance does nothing from now on."""
        self.handovers.halted(instance.name, time.time())

    def ended(self, instance: Instance) -> None:
        """A process has ended."""
        self._keeper.ended(instance.pid)
        if instance.crashed:  # perhaps by somebody else than the demo
            self.handovers.because("crash", time.time())
        self.happened(f"The {instance.name} instance {instance.how_ended}.", "Crash" if instance.crashed else "")
        self.changed.unpark_all()

    async def keep_asking(self, databases: Databases) -> None:
        """Ask the database once a second about what Telegram has seen no answer to, until cancelled."""
        bot_id = self._telegram.bot().id
        while True:
            await trio.sleep(ASK_EVERY)
            asked = self.score.questionable(time.time())
            known = await ask_database(databases.url, bot_id, asked) if asked else None
            if known is not None:
                self.score.known_to_database(asked, known.waiting, known.finished)

    def _pressed(self, bot: BotState) -> None:
        """Something is new for the bot: an update or several, or something else."""
        while self._next_update < bot.next_update_id:
            update = bot.pending.get(self._next_update)
            self._next_update += 1
            if update is not None:
                self._one_pressed(update)

    def _one_pressed(self, update: PendingUpdate) -> None:
        person, now = update.body.get("from", {}).get("id", 0), time.time()
        judged = self.judging and (is_crowd(person) or person in self.judged)
        self.score.pressed(update.id, person, now, judged=judged)
        if judged:
            self.history.pressed(now)
        else:
            self.people.answered(person)

    def _called(self, call: RecordedCall) -> None:
        answered = self.score.called(call)
        if answered is not None:
            self.people.answered(answered.person)
            self.history.answered(answered.at, answered.seconds)
