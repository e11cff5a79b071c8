"""A view: a text with an inline keyboard, within Telegram's limits however long its parts are."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_DATA = 64
"""The bytes of callback data."""
MAX_TEXT = 4096
"""The characters of a text, in UTF-16 units, without tags."""
MAX_CAPTION = 1024
MAX_ALERT = 200
MAX_BUTTON = 64
"""The characters of a button's text. Telegram takes more, phones show fewer."""
MAX_ROWS = 48
_HALF = 20
"""The characters of a button's text that a phone shows whole where two stand in a row."""

Button = Mapping[str, str]
Row = tuple[Button, ...]

_TAG = re.compile(r"<[^<>]*>")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,24}")


@dataclass(frozen=True)
class View:
    """`text` is HTML; whoever puts it together escapes what comes from people and from the catalogue."""

    text: str
    rows: tuple[Row, ...] = ()

    def params(self) -> dict[str, Any]:
        """Those of sendMessage and editMessageText."""
        return {
            "text": fit(self.text, MAX_TEXT),
            "parse_mode": "HTML",
            "link_preview_options": {"is_disabled": True},
            "reply_markup": keyboard(self.rows),
        }


def keyboard(rows: Iterable[Row]) -> dict[str, Any]:
    """The inline keyboard of `rows`, for `reply_markup`."""
    return {"inline_keyboard": [[dict(each) for each in row] for row in rows if row][:MAX_ROWS]}


def button(text: str, *data: object) -> Button:
    """A button that asks for a route: `data` are its name and the parts of its argument."""
    return {"text": button_text(text), "callback_data": callback_data(*data)}


def link(text: str, url: str) -> Button:
    """A button that opens an address."""
    return {"text": button_text(text), "url": url}


def deep_link(text: str, username: str, payload: str) -> Button:
    """A button that opens a private chat with the bot and sends "/start PAYLOAD" there."""
    return link(text, f"https://t.me/{username}?start={payload}")


def in_rows(buttons: Sequence[Button], width: int) -> tuple[Row, ...]:
    """The buttons, `width` in a row."""
    return tuple(tuple(buttons[start : start + width]) for start in range(0, len(buttons), width))


def packed(buttons: Sequence[Button]) -> tuple[Row, ...]:
    """The buttons, two in a row where both are short enough for a phone, which cuts what does not fit."""
    rows: list[Row] = []
    for each in buttons:
        if rows and len(rows[-1]) == 1 and _fits_in_half(rows[-1][0]) and _fits_in_half(each):
            rows[-1] = (*rows[-1], each)
        else:
            rows.append((each,))
    return tuple(rows)


def button_text(text: str) -> str:
    """What fits on a button: one line, and never nothing."""
    return cut(" ".join(text.split()), MAX_BUTTON) or "…"


def callback_data(*parts: object) -> str:
    """The parts with colons between, cut to what Telegram takes. The last part may be anything; those before it are
    short: names of routes, numbers, tokens."""
    return ":".join(map(str, parts)).encode("utf-8", "ignore")[:MAX_DATA].decode("utf-8", "ignore")


def token(name: str) -> str:
    """A short stand-in for a name, in callback data and deep links: the name itself if it is short and plain."""
    if _TOKEN.fullmatch(name):
        return name
    return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:10]


def escape(text: str, most: int = MAX_TEXT) -> str:
    """HTML that shows `text`, of which at most `most` characters are kept."""
    return html.escape(cut(text, most), quote=False)


def cut(text: str, most: int) -> str:
    """The beginning of `text`, `most` UTF-16 units at most, with an ellipsis where something is left out."""
    if units(text) <= most:
        return text
    return text.encode("utf-16-le", "surrogatepass")[: 2 * (most - 1)].decode("utf-16-le", "ignore") + "…"


def fit(markup: str, most: int) -> str:
    """`markup`, if what it shows is `most` UTF-16 units at most; else the beginning of that, without its tags."""
    if units(markup) <= most:
        return markup  # it shows no more than that
    shown = html.unescape(_TAG.sub("", markup))
    return markup if units(shown) <= most else escape(shown, most)


def _fits_in_half(each: Button) -> bool:
    return units(each["text"]) <= _HALF


def units(text: str) -> int:
    """The length as Telegram counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
