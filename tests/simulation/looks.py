"""What looking comes to in a run: whether each look could know what it said, and whether looking goes on and ends."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

import trio

from sandbox.state import MessageObject
from sandbox.telegram import Telegram
from svc.settings.environment import Fallback
from svc.storage.inbox import Attempt, CallMade, Ending, Retry, Term
from svc.storage.looks import CannotBeTold, DueLook, Found, LookOutcome, LookResult
from telegram_client.message_ids import sequence_of
from tests.simulation.database import SimulatedDatabase
from tests.simulation.doubts import DoubtAudit, Violation
from tests.simulation.incidents import PROBE

# A look that finds more ids than this above the watermark that nobody knows does not probe them all.
MOST_CANDIDATES = 25
# To make sure of itself it probes a few messages more, and what is not answered again.
MOST_PROBES = 3 * (MOST_CANDIDATES + 3)
# Seconds that a look takes.
AT_MOST = 5.0
GIVEN_UP = (LookOutcome.RESEND, LookOutcome.SKIP, LookOutcome.DEAD)


class LookAudit:
    """Stands between the service and the inbox where looks begin and end, and sees what Telegram has.

    `cleared`: by update, when the looks began after which it was sent again. `mistaken`: updates for which another
    one's message was taken that Telegram had carried out after all was told. With `rules_kept` False nothing is asked
    of what a look says.
    """

    def __init__(
        self, database: SimulatedDatabase, telegram: Telegram, doubts: DoubtAudit, *, rules_kept: bool
    ) -> None:
        self.cleared: defaultdict[int, list[float]] = defaultdict(list)
        self.mistaken: set[int] = set()
        self.begun: Counter[int] = Counter()
        self._database = database
        self._telegram = telegram
        self._doubts = doubts
        self._rules_kept = rules_kept
        self._began: dict[tuple[int, int], float] = {}
        self._numbers: dict[tuple[int, int], int] = {}
        inbox = database.inbox
        self._due_looks, self._settle_look = inbox.due_looks, inbox.settle_look
        self._record = inbox._record
        inbox.due_looks = self._note_due  # type: ignore[method-assign]
        inbox._record = self._note_ending  # type: ignore[method-assign]
        inbox.settle_look = self._note_settled  # type: ignore[method-assign,assignment]

    def judge(self) -> None:
        """Raise Violation if looking has edited anything, or has asked more than it may."""
        self._check_no_edits()
        probes = self._telegram.call_log.find(PROBE)
        if len(probes) > MOST_PROBES * self.begun.total():
            raise Violation(f"{len(probes)} probes in {self.begun.total()} looks")

    def _check_no_edits(self) -> None:
        edits = sum(probe.took_effect for probe in self._telegram.call_log.find(PROBE))
        if edits and self._rules_kept:
            raise Violation(f"looking has edited {edits} messages")

    async def _note_due(
        self, term: Term, held: Collection[int], limit: int, *, without: Collection[int] = ()
    ) -> list[DueLook]:
        due = await self._due_looks(term, held, limit, without=without)
        for look in due:
            self._note_begun(look)
        return due

    def _note_begun(self, look: DueLook) -> None:
        # A standby that takes over may not know of the last looks.
        count = look.update_id, self._database.failovers
        if look.number <= self._numbers.get(count, 0):
            raise Violation(f"the looks for update {look.update_id} begin anew: number {look.number} again")
        self._numbers[count] = look.number
        self._began[look.update_id, look.number] = trio.current_time()
        self.begun[look.update_id] += 1

    def _note_ending(self, attempt: Attempt, ending: Ending, calls: Sequence[CallMade] = ()) -> None:
        if isinstance(ending, Retry):
            # Its owner knows after all that nothing was sent.
            self._count_anew(attempt.update_id)
        self._record(attempt, ending, calls)

    def _count_anew(self, update_id: int) -> None:
        self._numbers.pop((update_id, self._database.failovers), None)

    async def _note_settled(
        self, term: Term, look: DueLook, result: LookResult, policy: Fallback, *, probes: int
    ) -> LookOutcome:
        self._check_no_edits()
        # What a doubt was about has to be read before the inbox has decided on it.
        excused = look.update_id in self._database.inbox.rows and self._doubts.is_excused(look.update_id)
        outcome = await self._settle_look(term, look, result, policy, probes=probes)
        if outcome is LookOutcome.SEND:
            self.cleared[look.update_id].append(self._began[look.update_id, look.number])
        if outcome is LookOutcome.FOUND and isinstance(result, Found):
            self._check_found(look, result.message_id)
        if outcome is LookOutcome.RESEND:
            self._count_anew(look.update_id)
        if outcome in GIVEN_UP and excused:
            self._doubts.excuse(look.update_id)
        if outcome in GIVEN_UP and isinstance(result, CannotBeTold):
            self._check_given_up(look, result.reason)
        if probes > MOST_PROBES:
            raise Violation(f"{probes} probes in one look for update {look.update_id}")
        return outcome

    def _check_found(self, look: DueLook, message_id: int) -> None:
        messages = self._telegram.messages(look.chat_id)
        message = next((each for each in messages if each["message_id"] == message_id), None)
        if message is not None and message["text"] == str(look.update_id):
            return
        # One of the bot's own that came when everybody had stopped waiting for it looks like the one looked for.
        if message is not None and self._is_own(message) and self._came_late(message):
            self.mistaken.add(look.update_id)
        elif self._rules_kept:
            raise Violation(f"message {message_id} was taken for that of update {look.update_id}")
        else:
            self.mistaken.add(look.update_id)

    def _came_late(self, message: MessageObject) -> bool:
        processed = self._database.inbox.processed.get(int(message["text"]))
        return processed is not None and processed.sent_id != message["message_id"]

    def _check_given_up(self, look: DueLook, reason: str) -> None:
        causes = (
            self._too_many,
            self._several,
            self._strangely_answered,
            self._none_of_our_own,
            self._an_earlier_one_may_come,
        )
        if self._rules_kept and not any(cause(look) for cause in causes):
            raise Violation(f"looking for update {look.update_id} gave up for no reason: {reason}")

    def _too_many(self, look: DueLook) -> bool:
        """Whether there may be more ids above the watermark than a look goes through."""
        sequence = sequence_of(look.chat_id)
        chats = [chat for chat_id, chat in self._telegram.bot().chats.items() if sequence_of(chat_id) == sequence]
        return max(max(chat.messages, default=0) for chat in chats) - look.watermark > MOST_CANDIDATES

    def _several(self, look: DueLook) -> bool:
        """Whether there are several of the bot's own, as after one that came late."""
        messages = self._telegram.messages(look.chat_id)
        own = [message for message in messages if message["message_id"] > look.watermark and self._is_own(message)]
        return len(own) > 1

    def _strangely_answered(self, _look: DueLook) -> bool:
        return any(probe.fault is not None for probe in self._telegram.call_log.find(PROBE))

    def _none_of_our_own(self, _look: DueLook) -> bool:
        """Whether there is no message by which looks could make sure of themselves: none told of, or none seen yet."""
        unseen_for = self._telegram.rules.unseen_for
        told = any(each.sent_id is not None for each in self._database.inbox.processed.values())
        return not told or bool(unseen_for and self._telegram.sent(since=self._telegram.now() - unseen_for - AT_MOST))

    def _an_earlier_one_may_come(self, look: DueLook) -> bool:
        """Whether a message to this chat was given up or sent again, and might still be carried out."""
        inbox = self._database.inbox
        doubts = {each: row.doubts for each, row in inbox.processed.items() if row.chat_id == look.chat_id}
        doubts |= {each: row.doubts for each, row in inbox.rows.items() if row.update.chat_id == look.chat_id}
        return any(count or each in self.cleared for each, count in doubts.items())

    def _is_own(self, message: MessageObject) -> bool:
        own: bool = message["from"]["id"] == self._telegram.bot().id
        return own
