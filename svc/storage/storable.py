"""What Postgres can store: no NUL, and no lone surrogates, neither of which text and jsonb can hold."""

from __future__ import annotations

import json
from typing import Any

import msgspec

LONGEST_TEXT = 1000


def storable(text: str) -> str:
    """`text` as Postgres can store it: without NUL and lone surrogates, and not over LONGEST_TEXT characters."""
    return _clean(text)[:LONGEST_TEXT]


def storable_json(value: Any) -> str:
    """The JSON of `value`, which msgspec can encode, as jsonb can hold it: the same with every text cleaned."""
    return msgspec.json.encode(_cleaned(msgspec.to_builtins(value))).decode()


def storable_text_of_json(encoded: bytes) -> str:
    """JSON that is encoded already as jsonb can hold it."""
    text = encoded.decode("utf-8", "replace")
    # What jsonb refuses can only stand there as an escape. Most texts have none, and need not be taken apart.
    return storable_json(json.loads(text)) if "\\u" in text else text


def _clean(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _cleaned(value: Any) -> Any:
    match value:
        case str():
            return _clean(value)
        case dict():
            return {_cleaned(key): _cleaned(each) for key, each in value.items()}
        case list() | tuple():
            return [_cleaned(each) for each in value]
        case _:
            return value
