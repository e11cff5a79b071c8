"""Whole conversations about creating, in both languages, as text files to look at (tests/bot/snapshots)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from string import Formatter
from typing import Any

import pytest

from svc.bot.create.sending import MiB
from svc.bot.texts import ENGLISH, RUSSIAN, Texts
from svc.bot.texts.plural import Plural
from svc.bot.view import MAX_ALERT, units
from svc.handler.job import JobError
from svc.handler.known import Creating
from telegram_client.updates import File
from tests.bot.creating_person import SET_UP, Person, result
from tests.bot.snapshots import check_snapshot

Story = Callable[[Person, Texts], Any]


def only_a_prompt(person: Person, texts: Texts) -> None:
    person.opens("z-image")
    person.says("a <fox> & snow")
    person.job_goes("submitting")
    person.sees_progress()
    person.job_goes("running", submitted_at=person.now)
    person.now += 75
    person.sees_progress()
    person.job_goes("running", progress=0.42)
    person.sees_progress()
    person.job_ends("ready", result("https://files/1.png"), result("https://files/2.png"))
    person.presses("2 of 2" if texts is ENGLISH else "2 из 2")
    person.presses(texts.creating.buttons.again)
    person.presses(texts.creating.buttons.stop)


def options(person: Person, texts: Texts) -> None:
    words = texts.creating.buttons
    person.opens("wan/2-7-text-to-video")
    person.presses(words.options)
    for name in ("resolution", "duration"):
        person.presses(texts.creating.fields[name])
    person.presses("7")
    person.presses(words.more)
    person.presses(texts.creating.fields["seed"])
    person.says("many")
    person.says("99999999999")
    person.says("42")
    person.presses(texts.creating.fields["audio_url"])
    person.sends(voice=File("v", 9))
    person.presses(texts.creating.fields["negative_prompt"])
    person.says("blur")
    person.says("a fox")
    person.opens("qwen2/image-edit")
    person.sends_photo("fox", caption="x" * 801)
    person.says("y" * 900)


def pictures(person: Person, texts: Texts) -> None:
    words = texts.creating.buttons
    person.opens("grok-imagine/image-to-image")
    person.sends(voice=File("v", 9))
    person.sends(document=File("d", 30 * MiB, "image/png"))
    person.says("make it blue")
    for number in range(3):
        person.sends_photo(str(number), album="album")
    person.presses(words.done)
    person.presses(words.create)
    person.job_ends("failed", error="input", error_text="422 NSFW <content>")
    person.presses(words.change)
    person.presses(words.cancel)


def picture_and_voice(person: Person, texts: Texts) -> None:
    person.opens("infinitalk/from-audio")
    person.sends_photo("face")
    person.sends(voice=File("v", 9))
    person.says("friendly")
    person.presses(texts.creating.buttons.cancel)


def skipped(person: Person, texts: Texts) -> None:
    person.opens("grok-imagine/image-to-video")
    person.sends_photo("fox")
    person.presses(texts.creating.buttons.done)
    person.presses(texts.creating.buttons.skip)
    person.presses(texts.creating.buttons.create)
    person.job_goes("running")
    person.presses(texts.creating.buttons.stop)


def speech(person: Person, texts: Texts) -> None:
    person.opens("elevenlabs/text-to-speech-turbo-2-5")
    person.presses(texts.creating.buttons.options)
    person.presses(texts.creating.buttons.more)
    person.presses(texts.creating.fields["language_code"])
    person.says("ru")
    person.presses(texts.creating.buttons.fewer)
    person.says("Hello!")
    person.job_ends("ready", result("https://files/hello.mp3", "audio"))


def upscaled(person: Person, texts: Texts) -> None:
    person.opens("topaz/video-upscale")
    person.sends(video=File("v", 9))
    person.says("larger")
    person.presses(texts.creating.buttons.create)
    person.job_ends("ready", result("https://files/large.mp4", "video", 60 * MiB))


def failures(person: Person, texts: Texts) -> None:
    errors: tuple[JobError, ...] = ("credits", "busy", "maintenance", "not_set_up", "failed", "too_slow", "no_result")
    person.opens("z-image")
    person.says("a fox")
    for error in errors:
        person.job_ends("failed", error=error, error_text="internal error")
    person.job_ends("unknown", error="lost")
    person.job_ends("cancelled", error="cancelled")


def refused(person: Person, texts: Texts) -> None:
    person.creating = Creating()
    person.presses_data("create:7ac6429f", 1)
    person.creating = Creating(SET_UP.providers, per_user=1, per_day=2)
    person.opens("z-image")
    person.says("a fox")
    person.opens("z-image")
    person.job_goes("delivered")
    person.opens("z-image")
    person.says("a fox")
    person.job_goes("delivered")
    person.opens("z-image")


def history(person: Person, texts: Texts) -> None:
    person.says("/history")
    for number in range(3):
        person.opens("z-image")
        person.says(f"fox {number}")
        person.job_ends("ready", result())
        person.now += 7200
    person.says("/history")
    person.presses(texts.buttons.later)
    person.presses(texts.creating.buttons.send_again)
    person.jobs.clear()
    person.presses(texts.creating.buttons.again)


STORIES: dict[str, Story] = {
    "only-a-prompt": only_a_prompt,
    "options": options,
    "pictures": pictures,
    "picture-and-voice": picture_and_voice,
    "skipped": skipped,
    "speech": speech,
    "upscaled": upscaled,
    "failures": failures,
    "refused": refused,
    "history": history,
}


def fill_ins(text: object) -> object:
    """What is filled into a text, or into each of several."""
    if isinstance(text, Mapping):
        return {key: fill_ins(value) for key, value in text.items()}
    if isinstance(text, Plural):
        return fill_ins(text.other)
    if isinstance(text, str):
        assert text.strip()
        return sorted(name for _, name, _, _ in Formatter().parse(text) if name)
    return {each.name: fill_ins(getattr(text, each.name)) for each in fields(text)}  # type: ignore[arg-type]


def test_both_languages_say_the_same_things() -> None:
    """Everything is there in both, with the same things to fill in."""
    assert fill_ins(ENGLISH.creating) == fill_ins(RUSSIAN.creating)


@pytest.mark.parametrize("texts", [ENGLISH, RUSSIAN], ids=["en", "ru"])
def test_what_is_said_over_the_chat_is_short_enough(texts: Texts) -> None:
    """Telegram takes 200 characters in the answer to a press."""
    creating = texts.creating
    today = creating.too_many_today.format(count=1000, time="23 h")
    said = [creating.not_set_up, creating.too_many_at_once(22), today, creating.cannot_repeat, creating.draft_over]
    said += [creating.job_gone, creating.too_late_to_stop, creating.over_already]
    assert max(map(units, said)) <= MAX_ALERT == 200


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("name", STORIES)
def test_a_conversation_reads_like_this(name: str, language: str) -> None:
    """Every question, every answer, every button."""
    person = Person(language)
    STORIES[name](person, ENGLISH if language == "en" else RUSSIAN)
    check_snapshot(f"{language}/create-{name}", "\n".join(person.story))
