"""Search: typos, Russian spelling, makers, tasks; and that nothing that can be typed breaks it."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc.bot.catalog import Catalog, Model
from svc.bot.menu_bot import bot
from svc.bot.search import NEAREST, find
from svc.bot.transliteration import sound, words
from tests.bot.updates import buttons, knows, pressed, says, shown, wrote

CATALOG = bot.catalog
MODELS = st.sampled_from(CATALOG.models)
LETTERS = st.sampled_from(string.ascii_lowercase)


def titles(query: str) -> list[str]:
    """What is found, the best first."""
    return [model.title for model in find(query, CATALOG).models]


@st.composite
def misspelt(draw: st.DrawFn) -> tuple[str, Model]:
    """A model and its title with one or two typos: a letter left out, added, changed, or two swapped."""
    model = draw(MODELS)
    title = model.title
    for _ in range(draw(st.integers(1, 2))):
        place = draw(st.integers(0, len(title) - 1))
        before, letter, after = title[:place], title[place], title[place + 1 :]
        changed = [before + after, before + draw(LETTERS) + letter + after, before + draw(LETTERS) + after]
        title = draw(st.sampled_from([*changed, before + after[:1] + letter + after[1:]]))
    return title, model


@given(misspelt())
def test_a_title_with_a_typo_or_two_finds_its_model(typed: tuple[str, Model]) -> None:
    """Among the first three."""
    title, model = typed
    assert model in find(title, CATALOG).models[:3]


@given(MODELS)
def test_a_title_finds_its_model_first(model: Model) -> None:
    """Whatever else is like it."""
    assert find(model.title, CATALOG).models[0] == model
    assert find(model.title.upper(), CATALOG).models[0] == model


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("клинг", "Kling"),
        ("Клинг 2.6", "Kling 2.6"),
        ("сидрим", "Seedream"),
        ("сидримм", "Seedream"),
        ("сиданс", "Seedance"),
        ("нано банана", "Nano Banana"),
        ("нанобанана", "Nano Banana"),
        ("банан", "Nano Banana"),
        ("флюкс", "FLUX.2"),
        ("флакс", "FLUX.2"),
        ("хайлуо", "Hailuo"),
        ("минимакс", "MiniMax"),
        ("ван", "Wan"),
        ("квен", "Qwen"),
        ("грок", "Grok"),
        ("имаджен", "Imagen"),
        ("джемини", "Gemini"),
        ("гемини", "Gemini"),
        ("топаз", "Topaz"),
        ("рекрафт", "Recraft"),
        ("идеограм", "Ideogram"),
        ("пиксверс", "PixVerse"),
        ("хэппихорс", "HappyHorse"),
        ("элевенлабс", "ElevenLabs"),
        ("гпт", "GPT Image"),
        ("инфинитолк", "InfiniteTalk"),
    ],
)
def test_a_brand_in_russian_letters_is_found(typed: str, first: str) -> None:
    """As it is heard."""
    assert find(typed, CATALOG).exact
    assert titles(typed)[0].startswith(first)


@pytest.mark.parametrize(
    ("typed", "vendor"),
    [
        ("google", "Google"),
        ("гугл", "Google"),
        ("googel", "Google"),
        ("black forest", "Black Forest Labs"),
        ("байтданс", "ByteDance"),
        ("модели openai", "OpenAI"),
        ("x ai", "xAI"),
    ],
)
def test_a_maker_is_found(typed: str, vendor: str) -> None:
    """Its models, and no other's before them."""
    found = find(typed, CATALOG)
    of_it = CATALOG.by_vendor(vendor)
    assert found.exact
    assert set(found.models[: len(of_it)]) == set(of_it)


@pytest.mark.parametrize(
    ("typed", "tasks"),
    [
        ("video", {"text-to-video", "image-to-video", "video-to-video", "video-upscale", "audio-to-video"}),
        ("видео", {"text-to-video", "image-to-video", "video-to-video", "video-upscale", "audio-to-video"}),
        ("озвучка", {"text-to-speech"}),
        ("убрать фон", {"background-removal"}),
        ("сделай видео из картинки", {"image-to-video"}),
        ("апскейл", {"image-upscale", "video-upscale"}),
        ("google video", {"text-to-video"}),
    ],
)
def test_a_task_is_found(typed: str, tasks: set[str]) -> None:
    """All that it names, and nothing else."""
    found = find(typed, CATALOG)
    assert found.exact
    assert {model.task for model in found.models} == tasks


def test_what_is_not_there_offers_the_nearest() -> None:
    """A few, and says that they are only near."""
    found = find("midjourney", CATALOG)
    assert not found.exact
    assert len(found.models) == NEAREST


@pytest.mark.parametrize("typed", ["", " ", "🦄", "...", "<>", "\0"])
def test_what_holds_no_word_finds_nothing(typed: str) -> None:
    """There is nothing to be near to."""
    assert find(typed, CATALOG).models == ()


def test_little_words_alone_find_no_more_than_the_nearest() -> None:
    """They name nothing."""
    assert not find("сделай мне", CATALOG).exact


@given(st.text())
def test_anything_can_be_typed(text: str) -> None:
    """It never raises, each model comes once, and the bot answers."""
    found = find(text, CATALOG)
    assert len(set(found.models)) == len(found.models)
    assert shown(says(wrote(text))).params["text"]
    assert len(says(wrote(f"/search {text}")).calls) <= 1
    assert shown(says(pressed(f"found:1:{text}"))).params["text"]


@given(st.text(max_size=40))
def test_another_page_is_of_the_same_search(text: str) -> None:
    """What the buttons carry of a text finds what the text has found, as long as it fits into them."""
    first = shown(says(wrote(text)))
    pages = [each["callback_data"] for each in buttons(first) if each["callback_data"].startswith("found:")]
    if pages and len(text.encode()) <= 36:
        again = shown(says(pressed(pages[0])))
        keys = [[each["callback_data"] for each in buttons(call)] for call in (first, again)]
        assert keys[0] == keys[1]


def test_an_empty_catalogue_can_be_searched() -> None:
    """Nothing is found in it."""
    assert find("kling", Catalog(())).models == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FLUX.2", ["flux", "2"]),
        ("GPT-Image", ["gpt", "image"]),
        ("Щётка", ["shetka"]),
        ("йод", ["iod"]),
        ("Café", ["cafe"]),
        ("H3", ["h", "3"]),
        ("қазақ ұлы", ["kazak", "uli"]),
    ],
)
def test_words_are_plain_latin(text: str, expected: list[str]) -> None:
    """Small letters without accents, numbers apart."""
    assert words(text) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [("сидрим", "seedream"), ("флюкс", "flux"), ("квен", "qwen"), ("гугл", "google"), ("минимакс", "minimax")],
)
def test_what_sounds_alike_is_alike(one: str, other: str) -> None:
    """However it is spelt."""
    assert [sound(each) for each in words(one)] == [sound(each) for each in words(other)]


def test_a_page_behind_the_last_is_the_last() -> None:
    """A list may have become shorter since the button was made."""
    assert shown(says(pressed("found:99:kling"), knows())).params == shown(says(pressed("found:1:kling"))).params
