"""Every word the bot says, in its two languages."""

from __future__ import annotations

from dataclasses import dataclass

RUSSIAN_SPEAKERS = frozenset({"ru", "uk", "be", "kk"})


@dataclass(frozen=True)
class Texts:
    """One language. The names in braces are filled in by the handlers."""

    greeting: str
    category: str
    vendor: str
    search: str
    help: str
    pointer: str
    too_old: str
    unknown_press: str
    apology: str
    search_button: str
    help_button: str
    back_button: str
    categories: dict[str, str]

    def category_title(self, category: str) -> str:
        """How a category is called on its button; one without a translation keeps its own name."""
        return self.categories.get(category, category.capitalize())


ENGLISH = Texts(
    greeting="👋 Hi! {count} AI models are here: pick what you want to make.",
    category="{title}: {count}\n\n{models}",
    vendor="🔎 {vendor}: {count}\n\n{models}",
    search="🔎 Whose models are you looking for?",
    help=(
        "❓ Pick a category to see its models, or Search to find them by their maker. "
        "Back returns to the menu; /start sends a new one."
    ),
    pointer="Send /start and I'll show you the menu.",
    too_old="This menu is too old. Send /start for a new one.",
    unknown_press="This button does nothing any more. Send /start for a new menu.",
    apology="Sorry, something went wrong with that. Please try /start again.",
    search_button="🔎 Search",
    help_button="❓ Help",
    back_button="⬅️ Back",
    categories={
        "image": "🖼 Images",
        "video": "🎬 Video",
        "audio": "🔊 Audio",
        "music": "🎵 Music",
        "enhance": "✨ Enhance",
        "avatar": "🗣 Avatars",
    },
)

RUSSIAN = Texts(
    greeting="👋 Привет! Здесь {count} AI-моделей: выберите, что хотите сделать.",
    category="{title}: {count}\n\n{models}",
    vendor="🔎 {vendor}: {count}\n\n{models}",
    search="🔎 Чьи модели ищете?",
    help=(
        "❓ Выберите раздел, чтобы увидеть его модели, или «Поиск», чтобы найти их по разработчику. "
        "«Назад» вернёт в меню, /start пришлёт новое."
    ),
    pointer="Отправьте /start, и я покажу меню.",
    too_old="Это меню устарело. Отправьте /start, чтобы получить новое.",
    unknown_press="Эта кнопка больше не работает. Отправьте /start, чтобы получить новое меню.",
    apology="Извините, что-то пошло не так. Попробуйте ещё раз: /start",
    search_button="🔎 Поиск",
    help_button="❓ Помощь",
    back_button="⬅️ Назад",
    categories={
        "image": "🖼 Картинки",
        "video": "🎬 Видео",
        "audio": "🔊 Звук",
        "music": "🎵 Музыка",
        "enhance": "✨ Улучшение",
        "avatar": "🗣 Аватары",
    },
)


def texts_for(language_code: str | None) -> Texts:
    """The texts for a user's `language_code` (IETF tag, may be missing): Russian for ru, uk, be, kk, else English."""
    primary = (language_code or "").lower().split("-")[0]
    return RUSSIAN if primary in RUSSIAN_SPEAKERS else ENGLISH
