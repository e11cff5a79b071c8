"""What is done to a good update: within its structure, and to its bytes. All by seeded chance."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

from fleet.fuzz.encoding import Pairs, Raw

DEEPEST = 100_000
MOST_ITEMS = 20_000
Place = tuple[Any, Any]
"""An object or a list, and the name or the index of a value in it."""

NUMBERS: tuple[Any, ...] = (
    0, -1, 1, 2**31 - 1, 2**31, -(2**31) - 1, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 10**30,
    -(10**30), 0.0, -0.0, 1.0, 1.5, 1001.0, 1e15, Raw("1e400"), Raw("-1e400"), Raw("1E5"), Raw("-0"), Raw("1e-400"),
    Raw("9" * 5000), Raw("NaN"), Raw("Infinity"), Raw("01"), Raw("0x10"), Raw("1."), Raw("+1"),
)  # fmt: skip
STRINGS: tuple[Any, ...] = (
    "", "\0", "a\0b", "\ud83d", "\ude00\ud83d", "a\udc00b", "\ufeff", "\u202e\u202d", "\uffff", "\U0010ffff", "é" * 300,
    "e" + "\u0301" * 500, "a" * 70_000, "'; DROP TABLE inbox; --", "{{7*7}}", "../../etc/passwd", "\r\nX: y", "\x1b[2J",
    "1001", "-1", "null", "true", "private", "channel", "/start", "/start@", "/", "/\u0661", "menu:", ":", "::::",
    "draft:", "make", "result:1:1", "\\u0000", '"', Raw(r'"\u00"'), Raw(r'"\ud800\u0041"'), Raw('"\x01"'),
)  # fmt: skip
OTHERS: tuple[Any, ...] = (None, True, False, [], {}, [[]], [None], {"": None}, {"id": None}, [0], Raw(""), Raw("nul"))


def mutate(document: Any, rng: random.Random) -> Any:
    """`document` with one to four changes within its structure. What it was made of stays as it was."""
    changed = copy.deepcopy(document)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        places = list(_places(changed))
        if places:
            _apply(rng.choice(CHANGES), rng.choice(places), places, rng)
    return changed


def nest(document: Any, rng: random.Random) -> Any:
    """`document` with something in it that is nested without need, up to DEEPEST levels."""
    changed = copy.deepcopy(document)
    # Never the id: what is as deep as this, not every reader of JSON can read back.
    holder, name = rng.choice([place for place in _places(changed) if place[1] != "update_id"])
    levels = rng.choice((20, 200, 900, 1100, 5000, DEEPEST))
    begin, end = rng.choice((("[", "]"), ('{"a":', "}"), ('{"message":', "}"), ('[{"chat":', "}]")))
    holder[name] = Raw(begin * levels + "0" + end * levels)
    return changed


def enlarge(document: Any, rng: random.Random) -> Any:
    """`document` with something in it that is very long."""
    changed = copy.deepcopy(document)
    holder, name = rng.choice(list(_places(changed)))
    count = rng.choice((1_000, MOST_ITEMS))
    large: tuple[Any, ...] = (
        [0] * count,
        [{}] * count,
        Pairs((str(number), 0) for number in range(count)),
        "x" * (count * 20),
        "\ud83d" * count,
        Raw("9" * count),
        [holder[name]] * min(count, 300),
    )
    holder[name] = rng.choice(large)
    return changed


def damage(body: bytes, other: bytes, rng: random.Random) -> bytes:
    """`body` with one to three changes to its bytes; `other` is what may be spliced into it."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        body = rng.choice(DAMAGES)(body, other, rng)
    return body


def _places(value: Any) -> Iterator[Place]:
    """Every place of a value in a document, the outermost first."""
    if isinstance(value, dict):
        items: Iterator[tuple[Any, Any]] = iter(value.items())
    elif isinstance(value, list) and not isinstance(value, Pairs):
        items = iter(enumerate(value))
    else:
        return
    for name, each in items:
        yield value, name
        yield from _places(each)


Change = Callable[[Place, list[Place], random.Random], None]


def _apply(change: Change, place: Place, places: list[Place], rng: random.Random) -> None:
    change(place, places, rng)


def _drop(place: Place, _places: list[Place], _rng: random.Random) -> None:
    holder, name = place
    del holder[name]


def _retype(place: Place, _places: list[Place], rng: random.Random) -> None:
    holder, name = place
    holder[name] = copy.deepcopy(rng.choice(rng.choice((NUMBERS, STRINGS, OTHERS))))


def _extreme(place: Place, _places: list[Place], rng: random.Random) -> None:
    """Another value of the same type, and an odd one."""
    holder, name = place
    values = STRINGS if isinstance(holder[name], str) else NUMBERS if isinstance(holder[name], int) else OTHERS
    holder[name] = copy.deepcopy(rng.choice(values))


def _rename(place: Place, _places: list[Place], rng: random.Random) -> None:
    holder, name = place
    if isinstance(holder, dict):
        texts = [text for text in STRINGS if not isinstance(text, Raw)]
        holder[rng.choice(texts)] = holder.pop(name)


def _repeat(place: Place, _places: list[Place], rng: random.Random) -> None:
    """The same name again in its object, with another value."""
    holder, name = place
    value = holder[name]
    if isinstance(value, dict) and value:
        again = rng.choice(list(value))
        holder[name] = Pairs([*value.items(), (again, rng.choice(rng.choice((NUMBERS, STRINGS, OTHERS))))])
    elif isinstance(value, list):
        value += copy.deepcopy(value)


def _swap(place: Place, places: list[Place], rng: random.Random) -> None:
    """The value of another place."""
    holder, name = place
    from_holder, from_name = rng.choice(places)
    holder[name] = copy.deepcopy(from_holder[from_name])


def _reorder(place: Place, _places: list[Place], rng: random.Random) -> None:
    holder, _ = place
    if isinstance(holder, dict):
        items = list(holder.items())
        rng.shuffle(items)
        holder.clear()
        holder.update(items)


CHANGES: tuple[Change, ...] = (_drop, _retype, _retype, _extreme, _extreme, _rename, _repeat, _swap, _reorder)

Damage = Callable[[bytes, bytes, random.Random], bytes]


def _flip(body: bytes, _other: bytes, rng: random.Random) -> bytes:
    if not body:
        return body
    at = rng.randrange(len(body))
    return body[:at] + bytes([body[at] ^ (1 << rng.randrange(8))]) + body[at + 1 :]


def _truncate(body: bytes, _other: bytes, rng: random.Random) -> bytes:
    return body[: rng.randrange(len(body) + 1)]


def _insert(body: bytes, _other: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(body) + 1)
    return body[:at] + rng.randbytes(rng.randrange(1, 9)) + body[at:]


def _cut_out(body: bytes, _other: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(body) + 1)
    return body[:at] + body[at + rng.randrange(1, 40) :]


def _splice(body: bytes, other: bytes, rng: random.Random) -> bytes:
    return body[: rng.randrange(len(body) + 1)] + other[rng.randrange(len(other) + 1) :]


def _in_front(body: bytes, _other: bytes, rng: random.Random) -> bytes:
    return rng.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\0", b" " * 1000, b"\x1f\x8b", b")]}'\n", b"/**/")) + body


def _behind(body: bytes, other: bytes, rng: random.Random) -> bytes:
    return body + rng.choice((b"\0", b"\n" * 1000, b"}", b",", b"//", b" null", other))


def _other_encoding(body: bytes, _other: bytes, rng: random.Random) -> bytes:
    text = body.decode("utf-8", "replace")
    return text.encode(rng.choice(("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "utf-7")), "replace")


DAMAGES: tuple[Damage, ...] = (_flip, _flip, _truncate, _insert, _cut_out, _splice, _in_front, _behind, _other_encoding)
