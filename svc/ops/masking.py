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
    r"|provider_payment_charge_id",
    re.IGNORECASE,
)
_IN_TEXT = (
    re.compile(r"\b\d{5,15}:[A-Za-z0-9_-]{20,}"),  # a bot token
    re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"),  # an e-mail address
    # A card or a phone number: 7 to 19 digits, with the signs between them that people put there.
    re.compile(r"(?<![\w])\+?\(?\d(?:[\s().\u2010-\u2015-]{0,2}\d){6,18}(?!\w)"),
)


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
            return masked_text(value)
    return value


def masked_text(text: str) -> str:
    """A text without phone numbers, card numbers, addresses and tokens."""
    for pattern in _IN_TEXT:
        text = pattern.sub(HIDDEN, text)
    return text


def _field(name: str, value: Any, depth: int) -> Any:
    return HIDDEN if value is not None and _SECRET_FIELDS.search(name) else masked(value, depth + 1)
