"""One look: is the message of a send in doubt there? What is asked of whom, and what follows from the answers.

The message, if it arrived, has an id above the watermark, which was known before it was sent. Other messages have ids
there as well: those that an update brought or an answer told are left out. Each of the others is probed, and so are a
few ids above the greatest that is known, since nothing newer may have been heard of. As one send of a chat is in doubt
at a time, exactly one of them may be the bot's own; more cannot be told apart. Before any of it is trusted, a message
that is certainly the bot's own must be recognised, and before one is taken for found, another that cannot be there
must be absent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import islice

import trio

from svc.delivery.active_period import ActivePeriod
from svc.delivery.prober import Answer
from svc.storage.looks import (
    ABSENT_LOOKS,
    MOST_LOOKS,
    Absent,
    CannotBeTold,
    DueLook,
    Found,
    KnownIds,
    LookResult,
    Unsure,
)
from telegram_client.probes import Told

MOST_CANDIDATES = 25
NEAREST = 10
# Ids above the greatest known one that are probed as well; as many as other sends are in doubt, if those are more.
BEYOND = 5
# An id so far above all that are known is nobody's yet; ids are numbers of 32 bits.
NOBODYS = 1_000_000
GREATEST_ID = 2**31 - 1
# How long answers that are on their way are waited for: below the greatest id all that will be known then is.
AFTER_UPPER = 0.3
# The whole look, in seconds. What is not through by then has cost one look.
LOOK_DEADLINE = 20.0
# A probe without an answer is made again; each time counts as a probe.
TRIES = 3
AGAIN_AFTER = 0.3
# A chat that a 429 has paused for longer is looked at another time.
LONGEST_PAUSE = 1.0
# In so many looks what may become known with time is waited for: a message of our own, others' ids.
PATIENT_LOOKS = 3
# And in so many, what becomes of the others that are in doubt: after them the two that find nothing still have room.
CROWDED_LOOKS = MOST_LOOKS - ABSENT_LOOKS

TOO_MANY = f"more than {MOST_CANDIDATES} messages could be it"
UNTOLD = "what became of an earlier message to this chat could not be told"
INCOMPLETE = "too many messages have come since to know all of them"
NONE_KNOWN = "no message of our own is known"
NOT_RECOGNISED = "a message of our own is not recognised"
FOUND_NOTHING = "a message that cannot be there is found"

_ABOUT_THE_MESSAGE = (Told.ABSENT, Told.OTHERS, Told.OURS)


class Look:
    """One look in one period. `probes` is how many it has made so far.

    `first_upper` is the greatest id that was known when looking for this message began (uppers.py).
    """

    def __init__(self, period: ActivePeriod, due: DueLook, first_upper: int | None = None) -> None:
        self.probes = 0
        self.first_upper = first_upper
        self._period = period
        self._due = due

    async def result(self) -> LookResult:
        """Look; raises DatabaseUnavailable."""
        if self._period.prober.stopped is not None:
            return CannotBeTold(self._period.prober.stopped)
        with trio.move_on_after(LOOK_DEADLINE):
            return await self._look()
        return Unsure("it took too long")

    async def ours_between(self, above: int, below: int) -> Sequence[int]:
        """The messages of the bot's own with ids between these two that nobody knows of; raises DatabaseUnavailable."""
        known = await self._period.inbox.known_ids(self._due)
        ids = candidates(above, below - 1, known.ids, beyond=0) if known.complete else None
        with trio.move_on_after(LOOK_DEADLINE):
            answers = await self._ask_all(self._due.chat_id, ids or ())
            return ours(answers)
        return ()

    async def _look(self) -> LookResult:
        period, due = self._period, self._due
        known = await period.inbox.known_ids(due)
        upper = max(known.greatest or 0, period.message_ids.greatest(due.chat_id) or 0)
        if self.first_upper is None:
            self.first_upper = upper
        heard_all = trio.current_time() + AFTER_UPPER
        distrust = await self._self_test(known.own)
        if distrust is not None:
            return distrust
        await trio.sleep_until(heard_all)
        known = await period.inbox.known_ids(due)
        if known.untold:
            return CannotBeTold(UNTOLD)
        if not known.complete:
            return _later_or_never(INCOMPLETE, due.number)
        result = await self._search(upper, known)
        if isinstance(result, Found):
            return await self._counter_test(max(upper, result.message_id)) or result
        return result

    async def _search(self, upper: int, known: KnownIds) -> LookResult:
        """Probe what may be it: what is next to the watermark, then what was there when looking began, then the rest.

        Where something nobody knows of is there above all that is known, ours may be further up still.
        """
        answers: dict[int, Answer] = {}
        first_upper = self.first_upper or upper
        near = nearest(self._due.watermark, first_upper, known.ids)
        answers |= await self._ask_all(self._due.chat_id, near)
        result = verdict(answers)
        if isinstance(result, Absent):
            result = await self._probe_up_to(first_upper, 0, known, answers)
        beyond, upper, reached = max(BEYOND, known.in_doubt), max(upper, self._due.watermark), 0
        while isinstance(result, Absent) and reached < upper:
            reached = upper
            result = await self._probe_up_to(upper, beyond, known, answers)
            upper = max(upper, *(each for each, answer in answers.items() if answer.told is Told.OTHERS), 0)
        if isinstance(result, Absent) and len(answers) == MOST_CANDIDATES and upper == max(answers):
            return _crowded(self._due.number)
        return result

    async def _probe_up_to(self, upper: int, beyond: int, known: KnownIds, answers: dict[int, Answer]) -> LookResult:
        """What follows from the `answers` about all candidates; those that are not among them yet are probed."""
        ids = candidates(self._due.watermark, upper, known.ids, beyond=beyond)
        if ids is None:
            return _crowded(self._due.number)
        answers |= await self._ask_all(self._due.chat_id, [each for each in ids if each not in answers])
        return verdict(answers)

    async def _self_test(self, own: tuple[int, int] | None) -> LookResult | None:
        """Why nothing that is answered now can be trusted; None if it can."""
        answers: list[Answer] = []
        ids = self._period.message_ids
        for each in dict.fromkeys((own, ids.own, ids.older_own)):
            if each is not None:
                answers.append(await self._ask(*each))
                if answers[-1].told is Told.OURS:
                    return None
        return distrust(answers, self._due.number)

    async def _counter_test(self, upper: int) -> LookResult | None:
        """Why what was found cannot be trusted: a server may call everything our own. None if it can."""
        answer = await self._ask(self._due.chat_id, min(upper + NOBODYS, GREATEST_ID))
        match answer.told:
            case Told.ABSENT:
                return None
            case Told.NOTHING:
                return Unsure(answer.text)
            case Told.OURS | Told.OTHERS:
                return CannotBeTold(FOUND_NOTHING)
        return CannotBeTold(answer.text)

    async def _ask_all(self, chat_id: int, ids: Sequence[int]) -> dict[int, Answer]:
        """The answers about these ids, up to the first that is not about the message."""
        answers: dict[int, Answer] = {}
        for message_id in ids:
            answers[message_id] = await self._ask(chat_id, message_id)
            if answers[message_id].told not in _ABOUT_THE_MESSAGE:
                break
        return answers

    async def _ask(self, chat_id: int, message_id: int) -> Answer:
        """The answer to a probe, which is made again if there was none."""
        prober = self._period.prober
        answer = Answer(Told.NOTHING, "")
        for tried in range(TRIES):
            if tried:
                await trio.sleep(AGAIN_AFTER)
            if prober.paused(chat_id) > LONGEST_PAUSE:
                return Answer(Told.NOTHING, answer.text or "flood control holds the chat")
            self.probes += 1
            answer = await prober.probe(self._period.sender, chat_id, message_id)
            if answer.told is not Told.NOTHING:
                break
        return answer


def nearest(watermark: int, upper: int, known: Collection[int]) -> list[int]:
    """The first NEAREST ids that the message may have.

    It was sent right after the watermark was read, so it is nearly always among these, however many sends have ended in
    doubt since, each with an id that nobody knows.
    """
    unknown = (each for each in range(watermark + 1, upper + 1) if each not in known)
    return list(islice(unknown, NEAREST))


def candidates(watermark: int, upper: int, known: Collection[int], *, beyond: int = BEYOND) -> list[int] | None:
    """The ids that the message may have; None if they are too many.

    All above `watermark` up to `upper`, the greatest that is known of, and up to `beyond` more, MOST_CANDIDATES in all.
    """
    upper = max(upper, watermark)
    found: list[int] = []
    for message_id in range(watermark + 1, upper + 1):
        if message_id not in known:
            found.append(message_id)
            if len(found) > MOST_CANDIDATES:
                return None
    further = (each for each in range(upper + 1, upper + 1 + beyond) if each not in known)
    return [*found, *further][:MOST_CANDIDATES]


def ours(answers: Mapping[int, Answer]) -> list[int]:
    """The messages that are the bot's own."""
    return [message_id for message_id, answer in answers.items() if answer.told is Told.OURS]


def verdict(answers: Mapping[int, Answer]) -> LookResult:
    """What follows from the answers about all candidates, or from the one that ended the asking."""
    for answer in answers.values():
        if answer.told is Told.NOTHING:
            return Unsure(answer.text)
        if answer.told not in _ABOUT_THE_MESSAGE:
            return CannotBeTold(answer.text)
    match ours(answers):
        case []:
            return Absent()
        case [message_id]:
            return Found(message_id)
    return CannotBeTold(f"{len(ours(answers))} messages could be it")


def distrust(answers: Sequence[Answer], number: int) -> LookResult:
    """Why look `number` cannot be trusted, after these answers about messages of our own, of which none was right."""
    for answer in answers:
        if answer.told is not Told.NOTHING and answer.told not in _ABOUT_THE_MESSAGE:
            return CannotBeTold(answer.text)
    for answer in answers:
        if answer.told is Told.NOTHING:
            return Unsure(answer.text)
    return _later_or_never(NOT_RECOGNISED if answers else NONE_KNOWN, number)


def _crowded(number: int) -> LookResult:
    """Whose the other messages are is found out in the looks at them, which come first: theirs are fewer so far."""
    return Unsure(TOO_MANY, crowded=True) if number <= CROWDED_LOOKS else CannotBeTold(TOO_MANY)


def _later_or_never(reason: str, number: int) -> LookResult:
    return Unsure(reason) if number <= PATIENT_LOOKS else CannotBeTold(reason)
