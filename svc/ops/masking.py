"""What people have sent, as operators may see it: without what could be used against them.

Phone numbers, e-mail addresses, card numbers, bot tokens and whatever a field calls secret are masked. That makes a
guess of every long number in a text; ids, which operators search for, are numbers in JSON and stay.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

HIDDEN = "***"
LONGEST = 4000
"""Characters of a payload that are shown."""

_DEEPEST = 60

# Of these fields nothing is shown, whatever is in them. Telegram's own: a contact, an order, a passport, an invoice.
_SECRET_FIELDS = re.compile(
    r"phone|e-?mail|secret|token|password|passport|order_info|shipping_address|vcard|credentials|hash$|api_?key"
    r"|provider_payment_charge_id|mobile|iban|cvv|cvc|card_?number",
    re.IGNORECASE,
)
# What people put between the digits of a number, and what nobody sees there.
_BETWEEN = r"\s()./\u00ad\u00b7\u200b-\u200f\u2010-\u2015\u2022\u202a-\u202e\u2060-\u2069\u20e3\u2212\ufe0f\ufeff-"
_IN_TEXT = (
    re.compile(r"(?<!\d)\d{5,15}:[A-Za-z0-9_-]{20,}"),  # a bot token
    re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"),  # an e-mail address
    # A card, an account or a phone number: 7 digits and more, whatever is in front of them and behind.
    re.compile(rf"\+?\(?\d(?:[{_BETWEEN}]{{0,3}}+\d){{6,}}+"),
)
# Control characters, which no SVG may hold, and those that turn the direction of what stands behind them.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
# A text that may be JSON: what a web app sends is, and an error may quote it.
_MAY_BE_JSON = re.compile(r"\s*[{\[]")


def shown_payload(text: str | None, hide: Callable[[str], str], longest: int = LONGEST) -> str | None:
    """A payload as it came, in JSON, as an operator may see it; `hide` takes out the settings' own secrets.

    What is no JSON, or too deep, is masked as text. Longer ones than `longest` characters are cut.
    """
    if text is None:
        return None
    try:
        shown = json.dumps(masked(json.loads(text)), ensure_ascii=False, indent=1)
    except (ValueError, RecursionError):
        shown = masked_text(text)
    shown = hide(shown)
    return shown if len(shown) <= longest else f"{shown[:longest]} … ({len(shown) - longest} more characters)"


def masked(value: Any, depth: int = 0) -> Any:
    """JSON as it may be shown. What is deeper than anything that Telegram sends is left out."""
    if depth > _DEEPEST:
        return HIDDEN
    match value:
        case dict():
            return {masked_text(name): _field(name, each, depth) for name, each in value.items()}
        case list():
            return [masked(each, depth + 1) for each in value]
        case str():
            return _inner_json(value, depth) or masked_text(value)
    return value


def _inner_json(text: str, depth: int) -> str | None:
    """The same JSON masked, of a text that is JSON; None for one that is not."""
    if not _MAY_BE_JSON.match(text):
        return None
    try:
        return json.dumps(masked(json.loads(text), depth + 1), ensure_ascii=False)
    except (ValueError, RecursionError):
        return None


def masked_story(row: dict[str, Any]) -> dict[str, Any]:
    """An update or a job with its history, in whose errors what somebody has sent may be quoted."""
    told = {name: masked_text(row[name]) for name in ("note", "error", "error_text") if row.get(name)}
    entries = [{name: _told(name, value) for name, value in entry.items()} for entry in row["history"] or ()]
    return row | told | {"history": entries}


def _told(name: str, value: Any) -> Any:
    return masked_text(value) if name in ("error", "why") and isinstance(value, str) else value


def masked_text(text: str) -> str:
    """A text without phone numbers, card numbers, addresses and tokens."""
    for pattern in _IN_TEXT:
        text = pattern.sub(HIDDEN, text)
    return text


def shown_json(value: Any, hide: Callable[[str], str]) -> Any:
    """JSON as a browser gets it: without what `hide` takes out of its texts and what would spoil the text around it.

    Not out of its spelling, where a secret may look like syntax, like a name or like a part of a number.
    """
    match value:
        case str():
            return _UNSEEN.sub("\ufffd", hide(value))
        case dict():
            return {name: shown_json(each, hide) for name, each in value.items()}
        case list() | tuple():
            return [shown_json(each, hide) for each in value]
    return value


def _field(name: str, value: Any, depth: int) -> Any:
    return HIDDEN if value is not None and _SECRET_FIELDS.search(name) else masked(value, depth + 1)
