"""One look: which messages are probed, what is made of the answers, and when nothing of it is trusted."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, cast
from uuid import uuid4

import pytest
import trio
import trio.testing

from svc.delivery.active_period import ActivePeriod
from svc.delivery.prober import EDITED, NOT_GROWING, Answer, Prober
from svc.delivery.probing import (
    BEYOND,
    CROWDED_LOOKS,
    FOUND_NOTHING,
    INCOMPLETE,
    LOOK_DEADLINE,
    MOST_CANDIDATES,
    NEAREST,
    NOBODYS,
    NONE_KNOWN,
    NOT_RECOGNISED,
    PATIENT_LOOKS,
    TOO_MANY,
    TRIES,
    UNTOLD,
    Look,
    candidates,
    distrust,
    verdict,
)
from svc.delivery.sending_pause import SendingPause
from svc.observability.metrics import Metrics
from svc.storage.inbox import Received
from svc.storage.looks import Absent, CannotBeTold, DueLook, Found, LookResult, Unsure
from telegram_client.errors import InDoubt, NotSent, Refused, TelegramError
from telegram_client.flood import FloodControl
from telegram_client.message_ids import MessageIds
from telegram_client.probes import PROBE, Told, is_probe
from tests.harness import captured_logs
from tests.memory.inbox import MemoryInbox, Processed, Row

USER, OTHER, SUPERGROUP = 7, 8, -1_001_000_000_000
OWN = 5
DUE = DueLook(1, USER, 9, watermark=10, number=1, absent=0, age=1.0)
LAST = DUE._replace(number=PATIENT_LOOKS + 1)
CROWDED = Unsure(TOO_MANY, crowded=True)


def told(text: str, status: int = 400) -> Refused:
    return Refused(PROBE, text, status=status)


ABSENT = told("Bad Request: message to edit not found")
OTHERS = told("Bad Request: message can't be edited")
OURS = told("Bad Request: inline keyboard expected")
SERVER_ERROR = InDoubt(PROBE, "Internal Server Error", status=500)


class ProbedTelegram:
    """A Telegram in which these messages, by chat and id, are the bot's own and no others are there.

    `script` are answers that come first, one a probe; `always` is the one that comes instead of any other.
    """

    def __init__(self, *own: tuple[int, int]) -> None:
        self.own = {(OTHER, OWN), *own}
        self.script: list[TelegramError | None] = []
        self.always: dict[tuple[int, int], TelegramError | None] = {}
        self.probed: list[tuple[int, int]] = []
        self.on_probe: Callable[[], object] = int
        self.takes = 0.0

    async def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        on_sent: Callable[[], None] | None = None,
    ) -> Any:
        assert params is not None
        assert is_probe(method, params)
        which = params["chat_id"], params["message_id"]
        self.probed.append(which)
        self.on_probe()
        await trio.sleep(self.takes)
        error = self.script.pop(0) if self.script else self.always.get(which, OURS if which in self.own else ABSENT)
        if error is not None:
            raise error
        return True


class Looked:
    """A look over a Telegram and an inbox."""

    def __init__(self, telegram: ProbedTelegram, flood: FloodControl | None = None) -> None:
        self.telegram = telegram
        self.flood = flood or FloodControl(0, 0, 0)
        self.inbox = MemoryInbox()
        self.message_ids = MessageIds()
        self.message_ids.note_own(OTHER, OWN)
        self.pause = SendingPause(Metrics(), random.Random(0))
        self.prober = Prober(self.flood, self.pause)
        self.look: Look | None = None

    def knows(self, update_id: int, chat_id: int, brought: int | None, sent: int | None = None) -> None:
        """An update that brought a message and was answered with another."""
        self.inbox.processed[update_id] = Processed("done", 0.0, 0, 1, chat_id, brought, sent)

    async def __call__(self, due: DueLook = DUE, first_upper: int | None = None) -> LookResult:
        period = type("Period", (), {})()
        period.inbox, period.message_ids, period.prober, period.sender = (
            self.inbox,
            self.message_ids,
            self.prober,
            self.telegram,
        )
        await self.inbox.take_over(uuid4(), "one")
        self.look = Look(cast(ActivePeriod, period), due, first_upper)
        return await self.look.result()

    @property
    def candidates(self) -> list[int]:
        """The ids that were probed in the chat itself, without the one that cannot be there."""
        return [message_id for chat_id, message_id in self.telegram.probed if chat_id == USER and message_id < NOBODYS]


# Which ids


def test_candidates_are_all_that_nobody_knows() -> None:
    """Above the watermark, up to the greatest known and a few more, without those that are known."""
    assert candidates(10, 14, {12, 14}) == [11, 13, 15, 16, 17, 18, 19]
    assert candidates(10, 14, {12, 14, 16}) == [11, 13, 15, 17, 18, 19]


def test_without_anything_newer_a_few_ids_are_tried() -> None:
    """A quiet bot: nothing above the watermark is known of, also where the greatest known is below it."""
    assert candidates(10, 0, ()) == candidates(10, 10, ()) == [11, 12, 13, 14, 15]
    assert len(candidates(10, 10, ()) or ()) == BEYOND


def test_there_are_never_more_than_25() -> None:
    """More below the greatest known: cannot be told. The few beyond are cut to fit."""
    assert candidates(10, 10 + MOST_CANDIDATES, ()) == list(range(11, 36))
    assert candidates(10, 10 + MOST_CANDIDATES - 2, ()) == list(range(11, 36))
    assert candidates(10, 11 + MOST_CANDIDATES, ()) is None
    assert candidates(10, 10**15, ()) is None, "and an id that makes no sense costs no time"


# What follows from answers


def answers(*each: Told) -> dict[int, Answer]:
    return {11 + place: Answer(which, f"text {place}") for place, which in enumerate(each)}


@pytest.mark.parametrize(
    ("given", "result"),
    [
        ((Told.ABSENT, Told.OURS, Told.OTHERS), Found(12)),
        ((Told.ABSENT, Told.OTHERS), Absent()),
        ((), Absent()),
        ((Told.OURS, Told.ABSENT, Told.OURS), CannotBeTold("2 messages could be it")),
        ((Told.OURS, Told.NOTHING), Unsure("text 1")),
        ((Told.OURS, Told.UNKNOWN), CannotBeTold("text 1")),
        ((Told.OURS, Told.EDITED), CannotBeTold("text 1")),
    ],
)
def test_found_is_exactly_one(given: tuple[Told, ...], result: LookResult) -> None:
    """None: absent. More, or an answer that tells nothing of its message: nothing follows from the others."""
    assert verdict(answers(*given)) == result


def test_without_a_message_of_our_own_nothing_is_trusted() -> None:
    """At first there may be one soon; after a few looks nobody waits for it any more. An answer in words that nobody
    knows is a reason at once."""
    for number, kind in ((1, Unsure), (PATIENT_LOOKS, Unsure), (PATIENT_LOOKS + 1, CannotBeTold)):
        assert distrust([], number) == kind(NONE_KNOWN)
        assert distrust([Answer(Told.ABSENT, "")], number) == kind(NOT_RECOGNISED)
    assert distrust([Answer(Told.ABSENT, ""), Answer(Told.UNKNOWN, "odd")], 1) == CannotBeTold("odd")
    assert distrust([Answer(Told.NOTHING, "500")], PATIENT_LOOKS) == Unsure("500")


# The look


async def test_the_message_is_found_among_others(autojump_clock: trio.testing.MockClock) -> None:
    """Rule 4: every candidate that was there when looking began is probed, in this chat, and exactly one is ours."""
    looked = Looked(ProbedTelegram((USER, 13)))
    looked.knows(2, OTHER, brought=15)
    looked.telegram.always[USER, 12] = OTHERS
    assert await looked() == Found(13)
    assert looked.candidates == [11, 12, 13, 14]
    assert looked.look is not None
    assert looked.look.probes == len(looked.telegram.probed) == 1 + 4 + 1


async def test_what_is_known_is_not_counted_as_found(autojump_clock: trio.testing.MockClock) -> None:
    """Rule 3: an earlier answer in the same chat, with an id above the watermark, is another update's; only what nobody
    knows of can be it."""
    for own in (13, None):
        looked = Looked(ProbedTelegram((USER, 12), *([(USER, own)] if own else [])))
        looked.knows(2, USER, brought=11, sent=12)
        assert await looked() == (Found(13) if own else Absent())
        assert looked.candidates[0] == 12, "the self-test"
        assert 12 not in looked.candidates[1:]


async def test_what_an_answer_on_its_way_tells_is_known(autojump_clock: trio.testing.MockClock) -> None:
    """Rule 3: what is being recorded while the look begins is waited for, and what is greater than all that was known
    then is not: of what is sent now, nothing is it."""
    looked = Looked(ProbedTelegram((USER, 12)))
    looked.knows(2, OTHER, brought=14)
    looked.telegram.on_probe = lambda: looked.knows(3, USER, brought=11, sent=12)
    assert await looked() == Absent()
    assert looked.candidates == [13, 15, 16, 17, 18, 19]


async def test_a_run_of_absent_ids_proves_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """Rule 3: they are other chats'. It is looked for up to the greatest id known, here only to this process."""
    looked = Looked(ProbedTelegram((USER, 30)))
    looked.message_ids.note(OTHER, 31)
    assert await looked() == Found(30)


async def test_another_sequence_says_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """Rule 2: a supergroup's ids are its own, however great."""
    looked = Looked(ProbedTelegram((USER, 12)))
    looked.message_ids.note(SUPERGROUP, 90_000)
    looked.knows(2, SUPERGROUP, brought=90_001, sent=90_002)
    assert await looked() == Found(12)
    assert len(looked.candidates) == BEYOND


async def test_two_that_could_be_it_cannot_be_told(autojump_clock: trio.testing.MockClock) -> None:
    """Rule 4: another program with the same token sends, too."""
    assert await Looked(ProbedTelegram((USER, 11), (USER, 12)))() == CannotBeTold("2 messages could be it")


async def test_what_comes_while_it_is_looked_for_is_not_in_the_way(autojump_clock: trio.testing.MockClock) -> None:
    """Others' messages that nobody knows of get ids all the time: first comes what was there when looking began."""
    looked = Looked(ProbedTelegram((USER, 12)))
    looked.message_ids.note(OTHER, 14)
    looked.telegram.script = [OURS, SERVER_ERROR, SERVER_ERROR, SERVER_ERROR]
    assert isinstance(await looked(), Unsure)
    assert looked.look is not None
    assert looked.look.first_upper == 14
    looked.message_ids.note(OTHER, 100)
    assert await looked(first_upper=14) == Found(12)
    looked.telegram.own.discard((USER, 12))
    assert await looked(first_upper=14) == CROWDED, "what came later might be it"


async def test_what_is_there_above_all_that_is_known_leads_further(autojump_clock: trio.testing.MockClock) -> None:
    """The updates that tell of the person's own messages have not come yet; ours is behind them."""
    looked = Looked(ProbedTelegram((USER, 10 + 2 * BEYOND)))
    for message_id in range(11, 10 + 2 * BEYOND):
        looked.telegram.always[USER, message_id] = OTHERS
    assert await looked() == Found(10 + 2 * BEYOND)
    for message_id in range(10 + 2 * BEYOND, 60):
        looked.telegram.always[USER, message_id] = OTHERS
    assert await looked() == CROWDED


async def test_each_other_send_in_doubt_may_have_taken_an_id(autojump_clock: trio.testing.MockClock) -> None:
    """Nothing has been heard of since a process was killed with many sends in flight: it is looked for as far."""
    for others, found in ((BEYOND - 1, False), (10, True)):
        looked = Looked(ProbedTelegram((USER, 11 + 9)))
        for number in range(others):
            update = Received(100 + number, 100 + number, "message", b"{}", 0.0)
            looked.inbox.rows[100 + number] = Row(update, state="in_doubt", watermark=10)
        assert isinstance(await looked(), Found) is found


async def test_an_earlier_doubt_in_the_chat_ends_the_look(autojump_clock: trio.testing.MockClock) -> None:
    """Its message may be there, with an id that nobody knows, and would be taken for this one: which would be lost."""
    looked = Looked(ProbedTelegram((USER, 12)))
    looked.inbox.processed[2] = Processed("done", 0.0, 1, 2, USER, 9, None)
    assert await looked() == CannotBeTold(UNTOLD)
    looked.inbox.processed[2] = Processed("done", 0.0, 1, 2, OTHER, 9, None)
    assert await looked() == Found(12)


async def test_ids_that_do_not_grow_end_looking(autojump_clock: trio.testing.MockClock) -> None:
    """A message got an id below one that was there before it: none is where it would be looked for. Said once."""
    looked = Looked(ProbedTelegram((USER, 12)))
    looked.prober.check_id(USER, 11, 10)
    looked.prober.check_id(USER, 11, None)
    assert looked.prober.stopped is None
    with captured_logs() as logs:
        looked.prober.check_id(USER, 10, 10)
        looked.prober.check_id(USER, 9, 10)
    assert len(logs.of("IDS_NOT_GROWING")) == 1
    assert await looked() == CannotBeTold(NOT_GROWING)
    assert looked.telegram.probed == []


async def test_too_many_are_not_probed(autojump_clock: trio.testing.MockClock) -> None:
    """Rule 4: with more than 25 left, no more than those next to the watermark. The updates that tell of some may be on
    their way: those are waited for at first."""
    looked = Looked(ProbedTelegram((USER, 35)))
    looked.message_ids.note(OTHER, 40)
    assert await looked() == CROWDED
    assert await looked(DUE._replace(number=CROWDED_LOOKS)) == CROWDED
    assert await looked(DUE._replace(number=CROWDED_LOOKS + 1)) == CannotBeTold(TOO_MANY)
    assert looked.candidates == [*range(11, 11 + NEAREST)] * 3
    looked.telegram.own.add((USER, 11 + NEAREST - 1))
    assert await looked() == Found(11 + NEAREST - 1), "the first ones are probed, however many there are"


async def test_who_does_not_know_all_ids_does_not_look(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not known might be an earlier message of ours."""
    looked = Looked(ProbedTelegram((USER, 12)))
    known_ids = looked.inbox.known_ids

    async def incomplete(due: DueLook) -> Any:
        return (await known_ids(due))._replace(complete=False)

    monkeypatch.setattr(looked.inbox, "known_ids", incomplete)
    assert await looked() == Unsure(INCOMPLETE)
    assert await looked(LAST) == CannotBeTold(INCOMPLETE)
    assert looked.candidates == []


async def test_a_look_is_trusted_only_if_our_own_is_recognised(autojump_clock: trio.testing.MockClock) -> None:
    """Rule 6: the latest of the chat itself, and if the person has deleted that, the latest of any."""
    looked = Looked(ProbedTelegram((USER, 12), (USER, 14)))
    looked.knows(2, USER, brought=11, sent=12)
    assert await looked() == Found(14)
    assert looked.telegram.probed[0] == (USER, 12)
    looked.telegram.own.discard((USER, 12))
    looked.telegram.probed.clear()
    assert await looked() == Found(14)
    assert looked.telegram.probed[:2] == [(USER, 12), (OTHER, OWN)]
    looked.telegram.own.discard((OTHER, OWN))
    looked.telegram.probed.clear()
    assert await looked() == Unsure(NOT_RECOGNISED)
    assert looked.telegram.probed == [(USER, 12), (OTHER, OWN)]


async def test_a_server_that_finds_everything_has_found_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """It calls every message our own, so the one candidate as well; what cannot be there is asked for, too."""
    looked = Looked(ProbedTelegram((USER, 12), (USER, 15 + NOBODYS)))
    looked.knows(2, OTHER, brought=15)
    assert await looked() == CannotBeTold(FOUND_NOTHING)
    looked.telegram.always[USER, 15 + NOBODYS] = SERVER_ERROR
    assert isinstance(await looked(), Unsure)
    looked.telegram.always[USER, 15 + NOBODYS] = told("Bad Request: MESSAGE_ID_INVALID")
    assert isinstance(await looked(), CannotBeTold)


async def test_where_the_latest_are_not_seen_yet_an_older_one_is_tried(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The server says for a while that its newest messages are not there."""
    looked = Looked(ProbedTelegram((USER, 12)))
    looked.message_ids.note_own(OTHER, 9)
    assert await looked() == Found(12)
    assert looked.telegram.probed[:2] == [(OTHER, 9), (OTHER, OWN)]


async def test_nobody_to_try_it_on(autojump_clock: trio.testing.MockClock) -> None:
    """Rule 6: a bot that has sent nothing yet."""
    looked = Looked(ProbedTelegram((USER, 12)))
    looked.message_ids = MessageIds()
    assert await looked() == Unsure(NONE_KNOWN)
    assert looked.telegram.probed == []


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (told("Bad Request: MESSAGE_ID_INVALID"), CannotBeTold),
        (told("Forbidden: bot was blocked by the user", 403), CannotBeTold),
        (told("Bad Request: group chat was upgraded to a supergroup chat"), CannotBeTold),
        (SERVER_ERROR, Unsure),
        (NotSent(PROBE, "ConnectError"), Unsure),
        (InDoubt(PROBE, "no answer in time", timed_out=True), Unsure),
    ],
)
async def test_an_answer_that_says_nothing_of_the_message_ends_the_look(
    error: TelegramError, result: type, autojump_clock: trio.testing.MockClock
) -> None:
    """Rule 4: words that nobody knows: cannot be told. No answer, a few times over: another time. Nothing further is
    probed."""
    looked = Looked(ProbedTelegram((USER, 11)))
    looked.telegram.always[USER, 12] = error
    assert isinstance(await looked(), result)
    tries = TRIES if result is Unsure else 1
    assert looked.candidates == [11] + [12] * tries


@pytest.mark.parametrize(
    "error",
    [SERVER_ERROR, NotSent(PROBE, "Too Many Requests", status=429, retry_after=1.0), NotSent(PROBE, "ReadError")],
)
async def test_a_probe_without_an_answer_is_made_again_and_counts(
    error: TelegramError, autojump_clock: trio.testing.MockClock
) -> None:
    """Rule 5: an error or a 429 in the middle is survived, and each probe is one."""
    looked = Looked(ProbedTelegram((USER, 12)))
    looked.telegram.script = [OURS, ABSENT, error]
    assert await looked() == Found(12)
    assert looked.look is not None
    assert looked.look.probes == len(looked.telegram.probed) == 1 + BEYOND + 1 + 1
    assert looked.flood.paused(USER) <= 0


async def test_a_chat_that_is_paused_for_long_is_left_alone(autojump_clock: trio.testing.MockClock) -> None:
    """A 429 pauses the chat for probes as for anything else; the look ends at once and costs nobody a place."""
    looked = Looked(ProbedTelegram((USER, 12)))
    looked.telegram.script = [OURS, NotSent(PROBE, "Too Many Requests", status=429, retry_after=30.0)]
    assert isinstance(await looked(), Unsure)
    assert trio.current_time() < 2
    assert looked.candidates == [11]
    assert looked.flood.delay(USER) > 28


async def test_a_look_ends_in_time(autojump_clock: trio.testing.MockClock) -> None:
    """Whatever takes so long."""
    looked = Looked(ProbedTelegram((USER, 12)))
    looked.telegram.takes = 7.0
    assert await looked() == Unsure("it took too long")
    assert trio.current_time() == LOOK_DEADLINE


async def test_a_probe_that_edits_is_the_last(autojump_clock: trio.testing.MockClock) -> None:
    """Not what was read: it is said loudly, and no further probe is made by this process."""
    looked = Looked(ProbedTelegram((USER, 12)))
    looked.telegram.always[USER, 11] = None
    with captured_logs() as logs:
        assert await looked() == CannotBeTold(EDITED)
        assert await looked() == CannotBeTold(EDITED)
    assert looked.candidates == [11]
    (line,) = logs.of("PROBE_EDITED")
    assert (line["level"], line["chat_id"], line["message_id"]) == ("error", USER, 11)


async def test_probes_that_wait_when_one_edits_are_not_made(autojump_clock: trio.testing.MockClock) -> None:
    """Of several looks at once, the others end with it."""
    looked = Looked(ProbedTelegram((USER, 12)), FloodControl(per_second=3, per_chat_second=0, per_group_minute=0))
    looked.telegram.always[OTHER, OWN] = None
    results: list[LookResult] = []

    async def look() -> None:
        results.append(await looked())

    with captured_logs():
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(look)
    assert results == [CannotBeTold(EDITED)] * 5
    assert len(looked.telegram.probed) == 1


async def test_a_refusal_that_may_be_the_bots_fault_makes_it_suspect(autojump_clock: trio.testing.MockClock) -> None:
    """401 says nothing of the message: getMe is asked before anything else is begun."""
    looked = Looked(ProbedTelegram((USER, 12)))
    looked.telegram.always[USER, 11] = told("Unauthorized", 401)
    assert isinstance(await looked(), Unsure)
    assert looked.pause.holds


async def test_what_lies_between_two_ids(autojump_clock: trio.testing.MockClock) -> None:
    """Only there, and only what nobody knows of; nothing if there is too much."""
    looked = Looked(ProbedTelegram((USER, 11), (USER, 13), (USER, 15)))
    looked.knows(2, USER, brought=12, sent=13)
    assert await looked() == Found(11)
    assert looked.look is not None
    looked.telegram.probed.clear()
    assert await looked.look.ours_between(10, 15) == [11]
    assert looked.candidates == [11, 14]
    assert not await looked.look.ours_between(10, 100)
