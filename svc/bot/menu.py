"""The pages of the menu: a text and an inline keyboard each.

A page has a name, which is the callback data of the buttons that lead to it: "menu", "search", "help",
"category:<name>", "vendor:<name>". So a press says all that is needed, and no state is kept about a chat.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from svc.bot.catalog import Catalog, Model
from svc.bot.texts import Texts

Keyboard = dict[str, Any]
Page = tuple[str, Keyboard]

# Telegram: callback data takes 64 bytes, a text 4096 characters.
MAX_DATA = 64
MAX_TEXT = 4096


def page(name: str, catalog: Catalog, texts: Texts) -> Page | None:
    """The page called `name`, or None if there is none (any more)."""
    kind, _, argument = name.partition(":")
    match kind:
        case "menu":
            return main_menu(catalog, texts)
        case "help":
            return texts.help, _keyboard([[_back(texts)]])
        case "search":
            return texts.search, _keyboard([*_vendor_rows(catalog), [_back(texts)]])
        case "category" if argument in catalog.categories:
            return _category(argument, catalog, texts)
        case "vendor":
            return _vendor(argument, catalog, texts)
    return None


def main_menu(catalog: Catalog, texts: Texts) -> Page:
    """The greeting, with one button a category present, Search and Help."""
    categories = [
        _button(f"{texts.category_title(name)} ({len(catalog.in_category(name))})", f"category:{name}")
        for name in catalog.categories
    ]
    last = [_button(texts.search_button, "search"), _button(texts.help_button, "help")]
    return texts.greeting.format(count=len(catalog)), _keyboard([*_rows_of_two(categories), last])


def _category(name: str, catalog: Catalog, texts: Texts) -> Page:
    models = catalog.in_category(name)
    text = texts.category.format(title=texts.category_title(name), count=len(models), models=_list(models))
    return _cut(text), _keyboard([[_back(texts)]])


def _vendor(data: str, catalog: Catalog, texts: Texts) -> Page | None:
    vendor = next((vendor for vendor in catalog.vendors if _vendor_data(vendor) == f"vendor:{data}"), None)
    if vendor is None:
        return None
    models = catalog.by_vendor(vendor)
    text = texts.vendor.format(vendor=vendor, count=len(models), models=_list(models))
    return _cut(text), _keyboard([[_button(texts.search_button, "search"), _back(texts)]])


def _list(models: Iterable[Model]) -> str:
    return "\n".join(f"• {model.title} — {model.vendor}" for model in models)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def _vendor_rows(catalog: Catalog) -> list[list[dict[str, str]]]:
    return _rows_of_two([_button(vendor, _vendor_data(vendor)) for vendor in catalog.vendors])


def _vendor_data(vendor: str) -> str:
    return f"vendor:{vendor}".encode()[:MAX_DATA].decode("utf-8", "ignore")


def _back(texts: Texts) -> dict[str, str]:
    return _button(texts.back_button, "menu")


def _button(text: str, data: str) -> dict[str, str]:
    return {"text": text, "callback_data": data}


def _rows_of_two(buttons: list[dict[str, str]]) -> list[list[dict[str, str]]]:
    return [buttons[start : start + 2] for start in range(0, len(buttons), 2)]


def _keyboard(rows: list[list[dict[str, str]]]) -> Keyboard:
    return {"inline_keyboard": rows}
