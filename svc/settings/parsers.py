"""From the text of a setting to its value. Each parser raises ValueError with the rest of a line that begins with the
setting's name, such as "must be a whole number from 1 to 65535, not 'http'".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeVar

T = TypeVar("T", int, float)

_TOKEN = re.compile(r"[0-9]{1,15}:[A-Za-z0-9_-]{20,100}")
_API_KEY = re.compile(r"[\x21-\x7e]{4,500}")
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
_OBJECT = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)
LONGEST_LABEL = 100
SHORTEST_OPS_TOKEN = 16

Network = IPv4Network | IPv6Network


def token(text: str) -> str:
    """A bot token as @BotFather gives it. The error never quotes it."""
    if not _TOKEN.fullmatch(text):
        raise ValueError("is not a bot token (it looks like 123456:ABC-def...)")
    return text


def secret(text: str) -> str:
    """What setWebhook takes as `secret_token` (https://core.telegram.org/bots/api#setwebhook). The error never quotes
    it.
    """
    if not _SECRET.fullmatch(text):
        raise ValueError("must be 1 to 256 characters of A-Z a-z 0-9 _ -")
    return text


def api_key(text: str) -> str:
    """A key that goes into a header. The error never quotes it."""
    if not _API_KEY.fullmatch(text):
        raise ValueError("must be 4 to 500 printable ASCII characters, without spaces")
    return text


def ops_token(text: str) -> str:
    """What an operator types to open the ops page: too long to be guessed. The error never quotes it."""
    if not _API_KEY.fullmatch(text) or len(text) < SHORTEST_OPS_TOKEN:
        raise ValueError(f"must be {SHORTEST_OPS_TOKEN} to 500 printable ASCII characters, without spaces")
    return text


def networks(text: str) -> tuple[Network, ...]:
    """IP addresses and networks with commas between them: "10.0.0.0/8, 192.0.2.7, ::1"."""
    found = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        try:
            found.append(ip_network(part, strict=False))
        except ValueError:
            raise ValueError(f"must be IP addresses or networks with commas between them, not {part!r}") from None
    return tuple(found)


def object_name(text: str) -> str:
    """Where a Python object is: its module, a colon, its name there."""
    if not _OBJECT.fullmatch(text):
        raise ValueError("must be package.module:name")
    return text


def label(text: str) -> str:
    """A short name for logs and tables."""
    if len(text) > LONGEST_LABEL or not text.isprintable():
        raise ValueError(f"must be at most {LONGEST_LABEL} printable characters")
    return text


def number(kind: Callable[[str], T], low: float, high: float) -> Callable[[str], T]:
    """A parser of an int or a float from `low` to `high`, both included."""
    noun = "a whole number" if kind is int else "a number"

    def parse(text: str) -> T:
        try:
            value = kind(text)
        except ValueError:
            value = None
        # A comparison with NaN is false, so it is refused too.
        if value is None or not low <= value <= high:
            raise ValueError(f"must be {noun} from {low} to {high}, not {text!r}")
        return value

    return parse


def one_of(*words: str) -> Callable[[str], str]:
    """A parser of one of `words`, in any case; the value is in lower case."""
    choice = " or ".join(words) if len(words) == 2 else f"one of {', '.join(words)}"

    def parse(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"must be {choice}, not {text!r}")
        return text.lower()

    return parse
