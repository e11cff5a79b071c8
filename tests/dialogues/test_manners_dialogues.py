"""Conversations about manners: what is answered once, elsewhere, later, or not at all."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from svc.bot.texts import ENGLISH
from tests.dialogues.person import Person, outage
from tests.harness import running_bot

Clock = trio.testing.MockClock
GROUP = -1_000_000_000_007
HOUR = 3600.0


async def test_a_command_for_another_bot_is_not_ours(autojump_clock: Clock) -> None:
    """In a group with several bots, only what is addressed to this one, or to nobody, is answered."""
    async with running_bot() as bot:
        ann = Person(bot, chat_id=GROUP, chat_type="supergroup")
        for text in ("/start@other_bot", "/ban@other_bot", "hello everybody", "kling"):
            await ann.says(text)
        assert ann.messages() == []
        await ann.says("/start@sandbox_bot")
        await ann.says("/start")
        assert len(ann.messages()) == 2
        await ann.presses("Images (21)")
        assert "21 AI models" in ann.sees()


async def test_another_bot_is_never_answered(autojump_clock: Clock) -> None:
    """Two such bots would talk for ever."""
    async with running_bot() as bot:
        await Person(bot).says("/start")
        other = {"id": 77, "is_bot": True, "first_name": "Echo", "username": "echo_bot"}
        chat = {"id": 77, "type": "private", "first_name": "Echo"}
        message = {"message_id": 900, "date": 1, "from": other, "chat": chat, "text": "/start"}
        bot.sandbox.telegram.push_update("message", message)
        await bot.settled()
        assert bot.calls("sendMessage", 77) == []


async def test_an_album_has_one_answer(autojump_clock: Clock) -> None:
    """Four pictures at once that nobody has asked for."""
    async with running_bot() as bot:
        ann = Person(bot)
        await ann.sends_album(["photo"] * 4)
        assert len(ann.messages()) == 1
        await ann.sends_album(["photo"] * 2)
        assert len(ann.messages()) == 2


async def test_an_answer_stays_in_its_topic(autojump_clock: Clock) -> None:
    """In a forum, next to the question."""
    async with running_bot() as bot:
        ann = Person(bot, chat_id=GROUP, chat_type="supergroup", chat={"is_forum": True})
        await ann.says("/start", thread_id=5)
        assert ann.messages()[-1]["message_thread_id"] == 5


async def test_a_command_with_a_typo_can_be_mended(autojump_clock: Clock) -> None:
    """ "/strat" that becomes "/start" is a /start, once; any other edit is silent."""
    async with running_bot() as bot:
        ann = Person(bot)
        await ann.says("/strat")
        before = len(ann.messages())
        await ann.edits("/start")
        assert len(ann.messages()) == before + 1
        assert "50 AI models" in ann.sees()
        await ann.says("kling")
        before = len(ann.messages())
        await ann.edits("klingon")
        assert len(ann.messages()) == before


async def test_a_command_below_a_photo_is_one(autojump_clock: Clock) -> None:
    """ "/start" as a caption."""
    async with running_bot() as bot:
        ann = Person(bot)
        await ann.sends("photo", "/start")
        assert "50 AI models" in ann.sees()


@pytest.mark.parametrize("kind", ["photo", "video", "voice", "audio", "document", "sticker"])
async def test_a_file_that_nobody_asked_for_has_a_short_hint(kind: str, autojump_clock: Clock) -> None:
    """One message that says what to do."""
    async with running_bot() as bot:
        ann = Person(bot)
        await ann.sends(kind)
        assert len(ann.messages()) == 1
        assert ENGLISH.creating.not_set_up in ann.sees()


async def test_whoever_has_blocked_the_bot_is_left_alone(autojump_clock: Clock) -> None:
    """Nothing is sent, also for what they had written just before; when they are back, all is as ever."""
    async with running_bot() as bot:
        ann = Person(bot)
        await ann.says("/start")
        await ann.blocks()
        calls = len(bot.sandbox.telegram.call_log.find(chat_id=ann.chat_id))
        await ann.waits(60)
        assert len(bot.sandbox.telegram.call_log.find(chat_id=ann.chat_id)) == calls
        await ann.unblocks()
        await ann.says("/start")
        assert "50 AI models" in ann.sees()


async def test_after_an_outage_of_two_hours_there_is_one_apology(autojump_clock: Clock) -> None:
    """With the menu, for each chat, however much was written; what is written afterwards is answered as ever."""
    async with running_bot(deadlock=3 * HOUR) as bot:
        ann, bob = Person(bot, 7), Person(bot, 8)
        async with outage(bot):
            for text in ("/start", "kling", "hello?", "/help"):
                ann.writes(text)
            bob.writes("/start")
            await trio.sleep(2 * HOUR)
        for person in (ann, bob):
            assert len(person.messages()) == 1
            assert "Sorry, I was away" in person.sees()
            assert "Images (21)" in " ".join(person.labels())
        await ann.says("/help")
        assert "How this works" in ann.sees()


async def test_a_late_press_refreshes_its_view_and_is_not_answered(autojump_clock: Clock) -> None:
    """Telegram takes no answer to a press that is minutes old, and the message is still there."""
    async with running_bot() as bot:
        ann = Person(bot)
        await ann.says("/start")
        async with outage(bot):
            ann.touches("Images (21)")
            await trio.sleep(200)
        assert "21 AI models" in ann.sees()
        assert not ann.last_press.answered
        assert bot.logs.errors() == []
