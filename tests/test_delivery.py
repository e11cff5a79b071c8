"""A reply's calls: what is made again and when, in which time, at which pace, and how sure the failure is."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from itertools import combinations, pairwise
from typing import Any

import pytest
import structlog
import trio
import trio.testing

from svc.delivery.remote_files import NotFetched, RemoteFiles
from svc.delivery.sending import AGAIN_AFTER, CALL_TIMEOUT, FILE_CALL_TIMEOUT, Delivery, Failure
from svc.handler.reply import Call, RemoteFile
from svc.storage.inbox import CallMade, SentFile
from telegram_client.errors import InDoubt, NotSent, Refused
from telegram_client.flood import FloodControl, Turn
from telegram_client.limits import CHAT_BURST
from telegram_client.message_ids import MessageIds
from telegram_client.uploads import InputFile
from tests.harness import captured_logs
from tests.transports import Answer, FakeTransport, answering

USER, GROUP, SUPERGROUP = 7, -100, -100200
SEND = Call("sendMessage", {"chat_id": USER, "text": "hi"})
ANSWER = Call("answerCallbackQuery", {"callback_query_id": "1"})
EDIT = Call("editMessageText", {"chat_id": USER, "message_id": 1, "text": "hi"})
SECONDS = 15.0


def refused_connection() -> NotSent:
    return NotSent("sendMessage", "ConnectError")


def flood(seconds: float) -> NotSent:
    return NotSent("sendMessage", "Too Many Requests", status=429, retry_after=seconds)


def moved(new: int) -> Refused:
    return Refused("sendMessage", "group chat was upgraded", status=400, migrate_to_chat_id=new)


class ScriptedSender:
    """A sender that does as told, one outcome a call, each after `takes` seconds; then everything succeeds.

    Remote files come from `files`.
    """

    def __init__(
        self,
        *outcomes: Exception | None,
        takes: float = 0.0,
        control: FloodControl | None = None,
        files: Answer | None = None,
    ) -> None:
        self._files = RemoteFiles(lambda _: FakeTransport(files or answering(404, b"")))
        self.params: list[Mapping[str, Any]] = []
        self._outcomes = list(outcomes)
        self._takes = takes
        self.control = control or FloodControl(0, 0, 0)
        self.made: list[CallMade] = []
        self.message_ids = MessageIds()
        self.calls: list[tuple[float, str, Any]] = []
        self.timeouts: list[float] = []
        self.result: Any = None

    async def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        on_sent: Callable[[], None] | None = None,
    ) -> Any:
        assert timeout is not None
        self.calls.append((trio.current_time(), method, (params or {}).get("chat_id")))
        self.timeouts.append(timeout)
        self.params.append(params or {})
        with trio.move_on_after(timeout) as scope:
            await trio.sleep(self._takes)
        outcome = self._outcomes.pop(0) if self._outcomes else None
        if scope.cancelled_caught:
            # As the client does: it knows how much of the request was written, which here the given outcome stands for.
            raise outcome or InDoubt(method, "no answer in time")
        if outcome is not None:
            raise outcome
        return self.result

    async def deliver(self, *calls: Call, seconds: float = SECONDS, turn: Turn | None = None) -> Failure | None:
        delivery = Delivery(
            self,
            self.control,
            random.Random(0),
            files=self._files,
            chat_id=USER,
            seconds=seconds,
            made=self.made,
            message_ids=self.message_ids,
            log=structlog.get_logger,
            turn=turn,
        )
        return await delivery.make(calls)

    def times(self, method: str = "sendMessage") -> list[float]:
        return [time for time, which, _ in self.calls if which == method]


async def test_the_calls_are_made_in_order(autojump_clock: trio.testing.MockClock) -> None:
    """Each once, and each is noted with its outcome and how long it took."""
    telegram = ScriptedSender(takes=0.25)
    assert await telegram.deliver(ANSWER, EDIT) is None
    assert [method for _, method, _ in telegram.calls] == ["answerCallbackQuery", "editMessageText"]
    assert telegram.made == [CallMade("answerCallbackQuery", "ok", 250), CallMade("editMessageText", "ok", 250)]


@pytest.mark.parametrize(
    ("call", "error"),
    [(SEND, refused_connection()), (EDIT, refused_connection()), (EDIT, InDoubt("editMessageText", "ReadError"))],
)
async def test_what_had_no_effect_or_does_no_harm_is_tried_again(
    autojump_clock: trio.testing.MockClock, call: Call, error: Exception
) -> None:
    """Three times, after 0.1, 0.3 and 0.9 s, less up to a quarter at random; then the failure is the worker's."""
    telegram = ScriptedSender(*[error] * 4)
    failure = await telegram.deliver(call)
    assert failure is not None
    assert failure.error is error
    pauses = [later - earlier for earlier, later in pairwise(telegram.times(call.method))]
    assert len(pauses) == len(AGAIN_AFTER) == 3
    assert all(0.75 * full <= pause < full for pause, full in zip(pauses, AGAIN_AFTER, strict=True))
    assert await ScriptedSender(*[error] * 3).deliver(call) is None


@pytest.mark.parametrize(
    "error", [InDoubt("sendMessage", "ReadError"), Refused("sendMessage", "no", status=400), flood(3), ValueError("?")]
)
async def test_what_may_have_had_its_effect_or_cannot_succeed_is_not_tried_again(
    autojump_clock: trio.testing.MockClock, error: Exception
) -> None:
    """One try, and what follows is the policy's."""
    telegram = ScriptedSender(error)
    with captured_logs() as logs:
        assert await telegram.deliver(SEND) == Failure(error, repeatable=False)
    assert len(telegram.calls) == 1
    assert logs.names() == (["HANDLER_FAILED"] if isinstance(error, ValueError) else [])


async def test_a_call_gets_the_time_that_is_left(autojump_clock: trio.testing.MockClock) -> None:
    """Ten seconds at most, and all of them together no more than the reply has."""
    telegram = ScriptedSender(takes=6.0)
    assert await telegram.deliver(ANSWER, EDIT) is None
    assert telegram.timeouts == [CALL_TIMEOUT, 9.0]


async def test_a_host_that_swallows_connections_is_not_sent(autojump_clock: trio.testing.MockClock) -> None:
    """Every connect takes five seconds to fail: the last of them is cut short, and is as certain as the first."""
    error = NotSent("sendMessage", "ConnectTimeout")
    telegram = ScriptedSender(*[error] * 9, takes=5.0)
    failure = await telegram.deliver(SEND)
    assert failure is not None
    assert failure.error is error
    assert trio.current_time() <= SECONDS
    assert len(telegram.calls) == 3


async def test_no_try_begins_without_time_for_it(autojump_clock: trio.testing.MockClock) -> None:
    """A pause that would outlast the time is not begun; a call that comes too late is not made, and not in doubt."""
    telegram = ScriptedSender(refused_connection(), takes=4.95)
    assert await telegram.deliver(SEND, seconds=5.0) is not None
    assert trio.current_time() < 5.0
    late = ScriptedSender(takes=5.0)
    failure = await late.deliver(ANSWER, EDIT, seconds=5.0, turn=Turn(USER))
    assert failure is not None
    assert isinstance(failure.error, InDoubt | NotSent)
    assert late.times("editMessageText") == []


async def test_a_429_pauses_the_chat_that_it_names(autojump_clock: trio.testing.MockClock) -> None:
    """Its own chat and no other: not counted calls too, and those that name none, whose chat is the update's."""
    for call in (SEND, Call("deleteMessage", {"chat_id": USER, "message_id": 1}), ANSWER):
        telegram = ScriptedSender(flood(30), control=FloodControl())
        assert await telegram.deliver(call) is not None
        assert telegram.control.delay(USER) == 30
        assert telegram.control.delay(8) == 0


async def test_every_counted_call_waits_for_its_turn(autojump_clock: trio.testing.MockClock) -> None:
    """Retries and further calls too; the first uses the turn that the worker has waited for, if it has."""
    for in_advance in (False, True):
        telegram = ScriptedSender(*[refused_connection()] * 3, control=FloodControl(per_second=0))
        turn = await telegram.control.acquire(USER) if in_advance else None
        assert await telegram.deliver(EDIT, EDIT, EDIT, turn=turn) is None
        times = telegram.times("editMessageText")
        assert len(times) == 6
        for first, last in combinations(range(6), 2):
            assert times[last] - times[first] >= last - first + 1 - CHAT_BURST - 1e-6
        assert times[-1] - times[0] >= 3 - 1e-6


async def test_a_turn_that_is_far_away_is_not_waited_for(autojump_clock: trio.testing.MockClock) -> None:
    """Paused for longer than the reply has: not sent, and at once, so that the worker is free for others."""
    telegram = ScriptedSender(control=FloodControl())
    telegram.control.pause(60, USER)
    failure = await telegram.deliver(SEND)
    assert failure is not None
    assert isinstance(failure.error, NotSent)
    assert (trio.current_time(), telegram.calls) == (0, [])


async def test_a_retry_whose_turn_is_far_away_goes_back(autojump_clock: trio.testing.MockClock) -> None:
    """The twentieth message of a group's minute could not be sent: the inbox waits for the twenty-first, with why."""
    telegram = ScriptedSender(refused_connection(), control=FloodControl(per_chat_second=0))
    turns = [await telegram.control.acquire(GROUP) for _ in range(20)]
    failure = await telegram.deliver(Call("sendMessage", {"chat_id": GROUP, "text": "hi"}), turn=turns[-1])
    assert failure is not None
    assert isinstance(failure.error, NotSent)
    assert failure.error.description == "ConnectError"
    assert trio.current_time() < 1


async def test_the_wait_for_a_turn_ends_with_the_replys_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It seemed near, and then a 429 put it off: not sent, when the time is over."""
    telegram = ScriptedSender(control=FloodControl(per_second=1))
    await telegram.control.acquire(8)
    async with trio.open_nursery() as nursery:

        async def put_off() -> None:
            await trio.sleep(0.5)
            telegram.control.pause(60)

        nursery.start_soon(put_off)
        failure = await telegram.deliver(SEND)
    assert failure is not None
    assert isinstance(failure.error, NotSent)
    assert (trio.current_time(), telegram.calls) == (SECONDS, [])


async def test_a_call_in_doubt_stays_in_doubt(autojump_clock: trio.testing.MockClock) -> None:
    """An edit may have arrived, and no later try got through: it may have arrived. Refused in the end, it has not."""
    doubt, refused = InDoubt("editMessageText", "ReadError"), Refused("editMessageText", "no", status=400)
    assert await ScriptedSender(doubt, *[refused_connection()] * 3).deliver(EDIT) == Failure(doubt)
    assert await ScriptedSender(doubt, flood(3)).deliver(EDIT) == Failure(doubt)
    assert await ScriptedSender(doubt, refused).deliver(EDIT) == Failure(refused)


async def test_a_group_that_became_a_supergroup_is_followed(autojump_clock: trio.testing.MockClock) -> None:
    """The same call to the new id, and all that come after it."""
    to_group = Call("editMessageText", {"chat_id": GROUP, "text": "hi"})
    telegram = ScriptedSender(moved(SUPERGROUP))
    assert await telegram.deliver(to_group, to_group, EDIT) is None
    assert [chat for _, _, chat in telegram.calls] == [GROUP, SUPERGROUP, SUPERGROUP, USER]


@pytest.mark.parametrize("second", [GROUP, SUPERGROUP, -100300])
async def test_it_is_followed_once(autojump_clock: trio.testing.MockClock, second: int) -> None:
    """Ids that name each other, or ever new ones, are a refusal in the end."""
    telegram = ScriptedSender(moved(SUPERGROUP), *[moved(second)] * 20)
    failure = await telegram.deliver(Call("sendMessage", {"chat_id": GROUP, "text": "hi"}))
    assert failure is not None
    assert isinstance(failure.error, Refused)
    assert len(telegram.calls) == 2


async def test_a_press_that_is_too_old_to_answer_stops_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """Only its spinner was at stake."""
    telegram = ScriptedSender(Refused("answerCallbackQuery", "query is too old", status=400))
    with captured_logs() as logs:
        assert await telegram.deliver(ANSWER, EDIT) is None
    assert logs.names() == ["REFUSED"]
    assert len(telegram.calls) == 2


async def test_after_the_lease_nothing_is_sent(autojump_clock: trio.testing.MockClock) -> None:
    """The scope around it is the lease: whatever wakes up after its deadline makes no call."""
    telegram = ScriptedSender()
    with trio.move_on_after(10) as lease:
        lease.deadline = trio.current_time() - 1
        await telegram.deliver(SEND, turn=Turn(USER))
    assert lease.cancelled_caught
    assert telegram.calls == []


@pytest.mark.parametrize(("chat", "kept"), [(USER, 12), (GROUP, None)])
async def test_the_id_of_what_was_sent_is_kept_with_the_call(
    chat: int, kept: int | None, autojump_clock: trio.testing.MockClock
) -> None:
    """If it is the update's chat: elsewhere the same id is another message. That it exists is known in any case."""
    telegram = ScriptedSender()
    telegram.result = {"message_id": 12, "chat": {"id": chat}}
    assert await telegram.deliver(SEND) is None
    assert [call.message_id for call in telegram.made] == [kept]
    assert (telegram.message_ids.greatest(USER), telegram.message_ids.own) == (12, (chat, 12))


async def test_an_edit_sends_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """Its answer is the message as well, which is older than the update."""
    telegram = ScriptedSender()
    telegram.result = {"message_id": 12, "chat": {"id": USER}}
    assert await telegram.deliver(EDIT) is None
    assert [call.message_id for call in telegram.made] == [None]
    assert telegram.message_ids.own is None


PHOTO = Call("sendPhoto", {"chat_id": USER, "photo": "https://x.example/cat.png"})
UPLOAD = Call("sendPhoto", {"chat_id": USER, "photo": RemoteFile("https://x.example/cat.png", "cat.png")})


async def test_a_call_that_moves_a_file_has_more_time(autojump_clock: trio.testing.MockClock) -> None:
    """A minute, of the time that is left; and what became of it may show later, so the failure says so."""
    telegram = ScriptedSender(InDoubt("sendPhoto", "no answer in time", timed_out=True))
    failure = await telegram.deliver(PHOTO, seconds=100.0)
    assert telegram.timeouts == [FILE_CALL_TIMEOUT]
    assert failure is not None
    assert failure.moves_file
    plain = await ScriptedSender(Refused("sendMessage", "no", status=400)).deliver(SEND)
    assert plain is not None
    assert not plain.moves_file


async def test_a_remote_file_is_fetched_and_uploaded() -> None:
    """Under its name; each try of the call is given it. Afterwards nothing of it is left."""
    telegram = ScriptedSender(refused_connection(), files=answering(200, b"a cat"))
    assert await telegram.deliver(UPLOAD) is None
    given = [params["photo"] for params in telegram.params]
    assert all(isinstance(file, InputFile) and file.name == "cat.png" for file in given)
    assert len(given) == 2
    with pytest.raises((OSError, ValueError)):
        given[0].open()
    assert [made.outcome for made in telegram.made] == ["ok"]


async def test_a_remote_file_that_cannot_be_had_is_the_calls_failure() -> None:
    """Nothing was asked of Telegram."""
    telegram = ScriptedSender(files=answering(404, b"gone"))
    failure = await telegram.deliver(UPLOAD)
    assert failure is not None
    assert isinstance(failure.error, NotFetched)
    assert telegram.calls == []
    assert [(made.method, made.outcome) for made in telegram.made] == [("sendPhoto", "failed")]


async def test_the_file_in_a_message_is_noted(autojump_clock: trio.testing.MockClock) -> None:
    """With the call that sent it; not one that some other chat got."""
    telegram = ScriptedSender()
    sizes = [{"file_id": "small", "width": 9, "height": 6}, {"file_id": "large", "width": 90, "height": 60}]
    telegram.result = {"message_id": 5, "chat": {"id": USER}, "photo": sizes}
    await telegram.deliver(PHOTO)
    await telegram.deliver(EDIT)
    telegram.result = {"message_id": 6, "chat": {"id": 8}, "photo": sizes}
    await telegram.deliver(PHOTO)
    assert [(made.message_id, made.file) for made in telegram.made] == [
        (5, SentFile("photo", "large")),
        (None, SentFile("photo", "large")),
        (None, None),
    ]


@pytest.mark.parametrize("method", ["answerInlineQuery", "answerPreCheckoutQuery", "answerShippingQuery"])
async def test_an_answer_that_comes_too_late_is_none(autojump_clock: trio.testing.MockClock, method: str) -> None:
    """As with a press: nobody waits for it any more, and what else is to be done is done."""
    late = Refused(method, "Bad Request: query is too old and response timeout expired", status=400)
    telegram = ScriptedSender(late)
    assert await telegram.deliver(Call(method, {"id": "1"}), SEND) is None
    wrong = Refused(method, "Bad Request: RESULT_ID_DUPLICATE", status=400)
    assert await ScriptedSender(wrong).deliver(Call(method, {"id": "1"})) == Failure(wrong)
