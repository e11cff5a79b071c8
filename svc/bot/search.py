"""Search over titles, makers and tasks, which forgives typos and Russian spelling of a brand.

A model is compared in two ways. Its whole title with all that was typed: so a title with a typo or two finds its model
first. And word by word, with the words of its title, its maker and its task: so "google video" finds what is of Google
and makes videos.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from svc.bot.catalog import Catalog, Model
from svc.bot.transliteration import sound, words

MOST_WORDS = 8
"""How many words of a query are looked at."""
MOST_LETTERS = 64
"""How long a query is that is looked at, in characters."""
ENOUGH = 0.6
"""Which part of a query has to fit for a model to be found, by the length of its words."""
NEAREST = 4
"""How many are offered where nothing is found."""

_WHOLE_TITLE, _START_OF_TITLE, _PER_TYPO = 3.0, 2.0, 0.3
_BEGINS, _MISSPELT = 0.95, 0.9
"""What the beginning of a word counts, and one with a typo, which counts less for each."""
_OTHER_WORD = 0.9
"""What a word of the maker or the task counts beside one of the title."""

TASK_WORDS = {
    "text-to-image": "image picture photo draw картинка изображение фото рисунок нарисовать рисовать",
    "image-to-image": "image picture photo edit change картинка изображение фото изменить редактировать обработать",
    "text-to-video": "video clip film movie видео ролик клип фильм снять",
    "image-to-video": "video animate animation image photo видео оживить анимация картинка фото",
    "video-to-video": "video edit restyle видео ролик изменить переделать стиль",
    "text-to-speech": "audio speech voice read speak аудио звук речь голос озвучка озвучить прочитать",
    "audio-to-audio": "audio sound voice noise clean аудио звук голос шум очистить",
    "audio-to-video": "video avatar face talk lipsync видео аватар лицо говорить",
    "image-upscale": "image photo picture upscale enhance sharpen картинка фото апскейл увеличить улучшить качество",
    "video-upscale": "video upscale enhance sharpen видео апскейл увеличить улучшить качество",
    "background-removal": "image photo picture background remove cut картинка фото фон убрать удалить вырезать",
    "text-to-music": "music song track музыка песня трек",
}
"""What people call a task, in both languages."""

LITTLE_WORDS = frozenset(
    words(
        "a the of from to with for my me make want model models "
        "из в на с и для по мне моё мою сделай сделать хочу нужно найди модель модели нейросеть"
    )
)
"""What is typed along, and names nothing."""

ALIASES = {
    "ByteDance": "байтданс байтдэнс",
    "InfiniteTalk": "инфинитолк инфинит ток",
    "Nano Banana": "банан",
}
"""What people call something in a way that does not sound like it."""


@dataclass(frozen=True)
class Found:
    """What a search has found, the best first. `exact`: it fits; else it is only the nearest that there is."""

    models: Sequence[Model]
    exact: bool


def find(query: str, catalog: Catalog) -> Found:
    """The models of `catalog` for what somebody has typed; none where that holds no letter or number."""
    everything = words(query[:MOST_LETTERS])[:MOST_WORDS]
    if not everything:
        return Found((), exact=False)
    index = _index(catalog)
    entries, scores = index.entries, _scores(everything, index)
    fitting = [(score, entry.model) for score, entry in zip(scores, entries, strict=True) if score >= ENOUGH]
    if fitting:
        return Found(_best_first(fitting), exact=True)
    likeness = [fuzz.WRatio("".join(everything), entry.title.letters) / 100 for entry in entries]
    near = [(score + like, entry.model) for score, like, entry in zip(scores, likeness, entries, strict=True)]
    return Found(_best_first(near)[:NEAREST], exact=False)


@dataclass(frozen=True)
class _Name:
    """A name in one word, as it is written and as it sounds."""

    letters: str
    sound: str

    @classmethod
    def of(cls, spelled: Sequence[str]) -> _Name:
        return cls("".join(spelled), "".join(map(sound, spelled)))

    def start(self, other: _Name) -> _Name:
        """As much of it as `other` is long."""
        return _Name(self.letters[: len(other.letters)], self.sound[: len(other.sound)])

    def distance(self, other: _Name, most: int) -> int:
        """In typos, the smaller one of both ways; if there are more than `most`, any number above it."""
        return min(
            OSA.distance(self.letters, other.letters, score_cutoff=most),
            OSA.distance(self.sound, other.sound, score_cutoff=most),
        )


@dataclass(frozen=True)
class _Entry:
    """A model as it is searched for: its names, and its words as they sound, those of the title and the others."""

    model: Model
    title: _Name
    maker: _Name
    title_words: frozenset[str]
    other_words: frozenset[str]


@dataclass(frozen=True)
class _Index:
    """All models, and all the words that any of them is found by."""

    entries: tuple[_Entry, ...]
    vocabulary: frozenset[str]


@lru_cache(maxsize=4)
def _index(catalog: Catalog) -> _Index:
    entries = tuple(_entry(model) for model in catalog.models)
    return _Index(entries, frozenset[str]().union(*(entry.title_words | entry.other_words for entry in entries)))


def _entry(model: Model) -> _Entry:
    title = words(model.title)
    others = " ".join((model.vendor, model.category, model.task, TASK_WORDS.get(model.task, "")))
    aliases = " ".join(also for name, also in ALIASES.items() if name in (model.vendor, model.title[: len(name)]))
    return _Entry(
        model,
        _Name.of(title),
        _Name.of(words(model.vendor)),
        frozenset(map(sound, title)),
        frozenset(map(sound, words(f"{others} {aliases}"))),
    )


def _best_first(scored: Iterable[tuple[float, Model]]) -> list[Model]:
    # Sorting keeps those that are equally good in the order of the catalogue.
    return [model for _, model in sorted(scored, key=lambda pair: -pair[0])]


def _scores(typed: Sequence[str], index: _Index) -> list[float]:
    sounds = [sound(each) for each in typed if each not in LITTLE_WORDS]
    fits = [_fits(each, index.vocabulary) for each in sounds]
    whole = _Name.of(typed)
    return [max(_name_score(whole, entry), _words_score(sounds, fits, entry)) for entry in index.entries]


def _name_score(typed: _Name, entry: _Entry) -> float:
    """Above 1 where what was typed is the title, but for two typos, or begins it or is the maker; else 0."""
    distance = typed.distance(entry.title, 2)
    if distance <= 2 and len(typed.letters) >= 4:
        return _WHOLE_TITLE - distance * _PER_TYPO
    allowed = _typos(typed.letters)
    distance = min(typed.distance(entry.title.start(typed), allowed), typed.distance(entry.maker, allowed))
    return _START_OF_TITLE - distance * _PER_TYPO if distance <= allowed else 0.0


def _words_score(sounds: Sequence[str], fits: Sequence[dict[str, float]], entry: _Entry) -> float:
    """From 0 to 1: how well each word that was typed fits one of the model's, by its length."""
    score = sum(len(each) * _best_fit(fit, entry) for each, fit in zip(sounds, fits, strict=True))
    return score / sum(map(len, sounds)) if score else 0.0


def _best_fit(fits: dict[str, float], entry: _Entry) -> float:
    in_title = max((fit for known, fit in fits.items() if known in entry.title_words), default=0.0)
    elsewhere = max((fit for known, fit in fits.items() if known in entry.other_words), default=0.0)
    return max(in_title, elsewhere * _OTHER_WORD)


def _fits(typed: str, vocabulary: Iterable[str]) -> dict[str, float]:
    """The known words that a typed one fits; with typos only if it fits none without."""
    fits = {known: fit for known in vocabulary if (fit := _fit(typed, known))}
    return {known: fit for known, fit in fits.items() if fit >= _BEGINS} or fits


def _fit(typed: str, known: str) -> float:
    """From 0 to 1: whether a word is the known one, begins it, or is it but for typos."""
    if typed == known:
        return 1.0
    if typed.isdigit() or known.isdigit():
        return 0.0
    if len(typed) >= 2 and known.startswith(typed):
        return _BEGINS
    allowed = _typos(typed)
    distance = OSA.distance(typed, known, score_cutoff=allowed)
    return _MISSPELT - 0.1 * distance if distance <= allowed else 0.0


def _typos(word: str) -> int:
    """How many typos a word of that length may have."""
    return 0 if len(word) < 4 else 1 if len(word) < 6 else 2
