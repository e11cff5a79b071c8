"""/history: what somebody has had made, one job a page, and how each is sent again."""

from __future__ import annotations

import pytest

from svc.bot.create.sending import MiB
from svc.bot.texts import ENGLISH
from svc.handler.job import Job
from svc.handler.known import MOST_JOBS
from svc.handler.reply import Call
from telegram_client.updates import CallbackQuery, Chat, Message, Update
from tests.bot.creating_person import Person, result
from tests.bot.updates import says, shown, wrote

DAY = 86_400.0


def made(count: int) -> Person:
    """Somebody with so many results, an hour apart."""
    person = Person()
    for number in range(count):
        person.opens("z-image")
        person.says(f"fox number {number}")
        person.job_ends("ready", result())
        person.now += 3600
    return person


def sent_again(person: Person) -> list[Call]:
    """The ways in which a press sends the shown job again, the best first."""
    shown = person.latest()
    data = shown.buttons["📤 Send it again"]
    job = next(job for job in person.jobs if str(job.job_id) == data.split(":")[1])
    return list(ways(person, job, data))


def ways(person: Person, job: Job, data: str) -> list[Call]:
    query = CallbackQuery("q", person.user, Message(1, Chat(5), date=1, text="x"), data)
    reply = person.bot.decide(Update(1, callback_query=query), person.known())
    answer, first = reply.calls
    assert answer.method == "answerCallbackQuery"
    return [first, *(call for calls in reply.instead for call in calls)]


def test_who_has_made_nothing_is_told_how_to_begin() -> None:
    """With the way to the menu."""
    shown = Person().says("/history")
    assert shown is not None
    assert "not made anything yet" in shown.text
    assert list(shown.buttons) == ["🏠 Menu"]


@pytest.mark.parametrize("kind", ["group", "supergroup"])
def test_in_a_group_nothing_is_said_of_what_anybody_has_made(kind: str) -> None:
    """That it is to be had in private."""
    call = shown(says(wrote("/history", kind=kind)))
    assert call.params["text"] == ENGLISH.creating.only_private


def test_the_newest_comes_first_and_pages_go_back() -> None:
    """One job a page, with its words, how it ended and when."""
    person = made(3)
    first = person.says("/history")
    assert first is not None
    assert "1 of 3" in first.text
    assert "fox number 2" in first.text
    assert "✅ done, 1 h ago" in first.text
    older = person.presses("▶️")
    assert older is not None
    assert older.method == "editMessageText"
    assert "fox number 1" in older.text
    assert "2 h ago" in older.text
    assert "fox number 2" in person.presses("◀️").text  # type: ignore[union-attr]


def test_a_page_that_is_not_there_is_the_nearest() -> None:
    """Jobs are forgotten after a time, and old buttons stay."""
    person = made(2)
    person.says("/history")
    for data, number in (("history:99", 2), ("history:0", 1), ("history:x", 1)):
        shown = person.presses_data(data, max(person.messages))
        assert shown is not None
        assert f"{number} of 2" in shown.text


def test_a_file_is_sent_again_by_what_telegram_calls_it() -> None:
    """Else from the provider as long as it is kept there, else in words."""
    person = made(1)
    person.says("/history")
    calls = sent_again(person)
    assert [call.method for call in calls] == ["sendPhoto", "sendPhoto", "sendPhoto", "sendDocument", "sendMessage"]
    assert [call.params.get("photo") for call in calls[:2]] == ["of-telegram", "https://files/1.png"]


def test_where_only_the_message_is_known_it_is_copied() -> None:
    """A send that was found by looking: nobody was told the file's name."""
    person = made(1)
    person.job_goes("delivered", file_id=None, file_kind=None)
    person.says("/history")
    copy = sent_again(person)[0]
    assert (copy.method, copy.params["from_chat_id"], copy.params["message_id"]) == (
        "copyMessage",
        5,
        person.job().sent_id,
    )


def test_what_was_not_delivered_can_still_be_had_for_a_time() -> None:
    """Telegram did not take it then; the provider keeps it for a while."""
    person = made(1)
    person.job_goes("failed", error="not_delivered", file_id=None, file_kind=None, sent_id=None)
    person.says("/history")
    assert "📭 made, but not delivered" in person.latest().text
    assert [call.method for call in sent_again(person)] == ["sendPhoto", "sendPhoto", "sendDocument", "sendMessage"]
    person.now += 2 * DAY
    shown = person.says("/history")
    assert shown is not None
    assert "📤 Send it again" not in shown.buttons
    (words,) = ways(person, person.job(), f"result:{person.job().job_id}:0")
    assert "not kept for ever" in words.params["text"]


def test_after_days_there_is_what_telegram_has_and_then_words() -> None:
    """The provider's address is not tried any more."""
    person = made(1)
    person.now += 30 * DAY
    person.says("/history")
    calls = sent_again(person)
    assert [call.method for call in calls] == ["sendPhoto", "sendMessage"]
    assert "not kept for ever" in calls[-1].params["text"]
    assert "30 d ago" in person.latest().text


def test_a_document_and_an_animation_are_sent_as_what_they_are() -> None:
    """By the kind that Telegram told."""
    person = made(1)
    person.job_goes("delivered", file_kind="document", results=(result("https://f/a.png", "photo", 11 * MiB),))
    person.says("/history")
    assert sent_again(person)[0].method == "sendDocument"
    person.job_goes("delivered", file_kind="video", results=(result("https://f/a.gif", "video"),))
    person.says("/history")
    assert sent_again(person)[0].method == "sendAnimation"


@pytest.mark.parametrize(
    ("state", "line", "again"),
    [
        ("wanted", "in the queue", False),
        ("running", "in the making", False),
        ("failed", "not made", False),
        ("cancelled", "cancelled", False),
        ("unknown", "unknown", False),
    ],
)
def test_a_job_without_a_result_says_how_it_stands(state: str, line: str, again: bool) -> None:
    """And has nothing to send."""
    person = Person()
    person.opens("z-image")
    person.says("a fox")
    person.job_goes(state)  # type: ignore[arg-type]
    shown = person.says("/history")
    assert shown is not None
    assert line in shown.text
    assert ("📤 Send it again" in shown.buttons) is again


def test_a_hundred_jobs_are_a_hundred_pages() -> None:
    """As many as a handler is shown."""
    person = made(1)
    person.jobs = person.jobs * MOST_JOBS
    shown = person.says("/history")
    assert shown is not None
    assert "1 of 100" in shown.text


def test_an_open_question_stays_open() -> None:
    """Looking at the history does not lose a draft."""
    person = made(1)
    person.opens("z-image")
    person.says("/history")
    person.says("another fox")
    assert person.orders[-1].input["prompt"] == "another fox"


def test_a_job_without_a_prompt_leaves_no_gap() -> None:
    """Its title stands alone."""
    person = Person()
    person.opens("recraft/crisp-upscale")
    person.sends_photo("fox")
    person.job_ends("ready", result())
    shown = person.says("/history")
    assert shown is not None
    assert "Recraft Crisp Upscale\n\n✅ done" in shown.text
