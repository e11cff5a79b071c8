"""JSON that no library writes: a name twice in an object, numbers out of all bounds, half a character, deep nesting."""

from __future__ import annotations

import json
from typing import Any


class Raw(str):
    """Text that stands in the JSON as it is."""

    __slots__ = ()


class Pairs(list[tuple[str, Any]]):
    """An object in which a name may come twice."""


def encode(value: Any, *, ascii_only: bool = True) -> str:
    """The JSON of `value`, of what `json.dumps` takes, Raw and Pairs."""
    match value:
        case Raw():
            return str(value)
        case Pairs():
            pairs = [f"{json.dumps(name, ensure_ascii=ascii_only)}:{encode(each)}" for name, each in value]
            return f"{{{','.join(pairs)}}}"
        case dict():
            return encode(Pairs(value.items()), ascii_only=ascii_only)
        case list() | tuple():
            return f"[{','.join(encode(each, ascii_only=ascii_only) for each in value)}]"
        case _:
            return json.dumps(value, ensure_ascii=ascii_only)


def encode_bytes(value: Any, *, ascii_only: bool = True) -> bytes:
    """The same in UTF-8; halves of characters become what no UTF-8 may hold, unless they are escaped."""
    return encode(value, ascii_only=ascii_only).encode("utf-8", "surrogatepass")
