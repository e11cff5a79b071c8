"""Conversations about the menu: cards and pages, search, languages."""

from __future__ import annotations

import pytest
import trio.testing

from sandbox.faults import FaultKind
from svc.bot.catalog import load_catalog
from tests.dialogues.person import Person
from tests.harness import running_bot

Clock = trio.testing.MockClock


async def test_from_the_menu_to_a_card_and_back_to_the_very_page(autojump_clock: Clock) -> None:
    """One message all the way; Back leads to the page from which the card was opened, and on to the menu."""
    async with running_bot() as bot:
        ann = Person(bot)
        await ann.says("/start")
        menu = ann.sees()
        assert "50 AI models" in menu
        await ann.presses("Images (21)")
        await ann.presses("▶️")
        second_page = ann.sees()
        assert "[2/3]" in second_page
        await ann.presses("GPT Image 2")
        assert ann.sees().startswith("GPT Image 2\nby OpenAI")
        await ann.presses("Back")
        assert ann.sees() == second_page
        await ann.presses("Back")
        assert ann.sees() == menu
        assert len(ann.messages()) == 1
        assert ann.waits_for_nothing
        assert bot.logs.errors() == []


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("kling", "Kling 3.0 Turbo"),
        ("sedream", "Seedream 5.0 Pro"),
        ("сидрим", "Seedream 5.0 Pro"),
        ("клинг", "Kling 2.6"),
        ("нано банана", "Nano Banana 2"),
        ("  FLUX ", "FLUX.2 Pro"),
    ],
)
async def test_search_forgives(typed: str, found: str, autojump_clock: Clock) -> None:
    """Typos and a brand in Russian letters; what was found is opened by its button, and is the model."""
    async with running_bot() as bot:
        ann = Person(bot)
        await ann.says(typed)
        assert found in ann.labels()
        await ann.presses(found)
        assert ann.sees().startswith(found)
        await ann.presses("Menu")
        assert "50 AI models" in ann.sees()


async def test_what_nobody_has_heard_of_finds_the_nearest(autojump_clock: Clock) -> None:
    """And says so; the way to the menu is there."""
    async with running_bot() as bot:
        ann = Person(bot)
        await ann.says("qwzx")
        assert "nothing for “qwzx”" in ann.sees()
        await ann.presses("Menu")
        assert "50 AI models" in ann.sees()


async def test_a_language_is_chosen_and_remembered(autojump_clock: Clock) -> None:
    """The app is in English; from now on everything is in Russian, until /lang changes it back."""
    async with running_bot() as bot:
        ann = Person(bot, language="en")
        await ann.says("/lang")
        await ann.presses("Русский")
        assert "50 AI-моделей" in ann.sees()
        await ann.says("/start")
        assert ann.sees().startswith("👋 Привет!")
        await ann.presses("Картинки (21)")
        assert "21 AI-модель" in ann.sees()
        await ann.says("/lang")
        await ann.presses("English")
        await ann.says("/start")
        assert ann.sees().startswith("👋 Hi!")


async def test_the_language_is_that_of_the_app_at_first(autojump_clock: Clock) -> None:
    """Russian for those who read it, English for everybody else."""
    async with running_bot() as bot:
        people = {language: Person(bot, number, language=language) for number, language in enumerate(("ru", "uk"), 1)}
        others = {
            language: Person(bot, number, language=language) for number, language in enumerate(("en", "de", None), 5)
        }
        for person in [*people.values(), *others.values()]:
            await person.says("/start")
        assert all(person.sees().startswith("👋 Привет!") for person in people.values())
        assert all(person.sees().startswith("👋 Hi!") for person in others.values())


async def test_a_link_opens_a_model(autojump_clock: Clock) -> None:
    """`/start KEY`, from a link to the bot; a key that no model has any more says so and shows the menu, and any other
    word shows the menu alone."""
    model = load_catalog().models[3]
    async with running_bot() as bot:
        ann = Person(bot)
        await ann.says(f"/start {model.key}")
        assert ann.sees().startswith(model.title)
        await ann.says("/start 0badbad0")
        assert ann.sees().startswith("That is not offered any more.")
        assert "50 AI models" in ann.sees()
        await ann.says("/start no-such-key")
        assert ann.sees().startswith("👋 Hi! 50 AI models")


@pytest.mark.parametrize(
    "text", ["/start", " /start", "/START", "/Start@sandbox_bot", "/menu", "menu", "меню", "Меню "]
)
async def test_the_menu_is_found_however_it_is_asked_for(text: str, autojump_clock: Clock) -> None:
    """A leading space, capitals, the bot's own name, a word in either language."""
    async with running_bot() as bot:
        ann = Person(bot)
        await ann.says(text)
        assert "50 AI models" in ann.sees()


async def test_a_button_of_a_model_that_is_gone_says_so(autojump_clock: Clock) -> None:
    """An old menu with the buttons of an old catalogue: nothing is broken, and the menu is there."""
    async with running_bot() as bot:
        ann = Person(bot)
        await ann.says("/start")
        for old in ("model:0badbad0", "category:nothing", "vendor:Nobody", "what:is:this", "x" * 64):
            await ann.presses_data(old)
            assert "🖼 Images (21)" in ann.labels(), old
        assert ann.waits_for_nothing
        assert bot.logs.errors() == []


async def test_where_a_message_cannot_be_edited_there_is_a_new_one(autojump_clock: Clock) -> None:
    """An alert, and the view below it as a message of its own."""
    refused = {"status": 400, "description": "Bad Request: message can't be edited"}
    async with running_bot() as bot:
        ann = Person(bot)
        await ann.says("/start")
        bot.sandbox.faults.order(FaultKind.ERROR, method="editMessageText", **refused)
        await ann.presses("Images (21)")
        assert ann.alert
        assert len(ann.messages()) == 2
        assert ann.labels()
        assert ann.waits_for_nothing


async def test_inline_mode_answers_with_cards(autojump_clock: Clock) -> None:
    """`@bot kling` in any chat."""
    async with running_bot() as bot:
        ann = Person(bot)
        await ann.says("/start")
        titles = [result["title"] for result in await ann.asks_inline("kling")]
        assert "Kling 3.0 Turbo" in titles
        assert await ann.asks_inline("")
        assert bot.logs.errors() == []
