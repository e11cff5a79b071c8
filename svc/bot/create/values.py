"""What may stand in a field of a model: read from what a person typed, offered on buttons, and checked at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from svc.bot.catalog import Field, Model, Value

Reason = Literal["too_long", "no_number", "out_of_range", "no_choice", "too_many", "wrong_kind", "missing", "unknown"]

# What the models say nothing about: how long a short text may be, and between what a number has to be.
STRING_LIMIT = 500
INT32 = 2**31 - 1
_BOUNDS: Mapping[str, tuple[float, float]] = {"duration": (1, 60), "n": (1, 4), "seed": (0, INT32)}

# Numbers are offered on buttons as far as they are no more than this.
_MOST_STEPS = 15
_DURATIONS = (5, 10, 15)
# An album's worth, where the model names no limit.
_MOST_FILES = 10


class Unfit(Exception):
    """It cannot stand in the field. `reason` says why; `limit`, `low` and `high` are what it would have to keep to."""

    def __init__(
        self, field: str, reason: Reason, *, limit: int = 0, low: float = 0, high: float = 0, length: int = 0
    ) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason: Reason = reason
        self.limit = limit
        self.low = low
        self.high = high
        self.length = length


def is_number(field: Field) -> bool:
    """Whether a person gives a number for it, whatever its JSON type. (Some models take seconds as a string.)"""
    return not field.choices and (field.kind in ("integer", "number") or _is_seconds_in_words(field))


def bounds(field: Field) -> tuple[float, float]:
    """Between what a number has to be."""
    low, high = _BOUNDS.get(field.name, (-INT32, INT32))
    return field.minimum if field.minimum is not None else low, field.maximum if field.maximum is not None else high


def text_limit(field: Field) -> int | None:
    """How many characters its text may have; None: as many as Telegram takes."""
    return field.limit or (None if field.kind == "text" else STRING_LIMIT)


def offered(field: Field) -> tuple[Value, ...]:
    """The values to put on buttons: all that there are, or sensible steps of a number; empty: it has to be typed."""
    if field.choices:
        return field.choices
    if field.kind == "flag":
        return True, False
    if not is_number(field) or field.name == "seed":
        return ()
    low, high = bounds(field)
    if field.name == "duration" and field.minimum is None:
        steps = {*_DURATIONS, *([int(field.default)] if field.default is not None else [])}
        return tuple(_typed(field, step) for step in sorted(steps))
    step = 1 if high - low >= 2 else 0.1
    count = round((high - low) / step) + 1
    if count > _MOST_STEPS:
        return ()
    values = {round(low + number * step, 2) for number in range(count)}
    if isinstance(field.default, int | float):
        values.add(field.default)
    return tuple(_typed(field, value) for value in sorted(values))


def read_value(field: Field, text: str) -> Value:
    """What a person typed for a field that takes no files, in its JSON type; raises Unfit."""
    text = text.strip()
    if field.choices:
        return _read_choice(field, text)
    value = _typed(field, _read_number(field, text)) if is_number(field) else text
    check_value(field, value)
    return value


def check_value(field: Field, value: Any) -> None:
    """Raise Unfit unless a model takes `value` for `field`."""
    if field.media is not None:
        _check_files(field, value)
    elif field.choices:
        if type(value) not in {type(choice) for choice in field.choices} or value not in field.choices:
            raise Unfit(field.name, "no_choice")
    elif field.kind == "flag":
        if type(value) is not bool:
            raise Unfit(field.name, "wrong_kind")
    elif is_number(field):
        _check_number(field, value)
    elif not isinstance(value, str):
        raise Unfit(field.name, "wrong_kind")
    elif not value.strip():
        raise Unfit(field.name, "missing")
    elif (limit := text_limit(field)) is not None and len(value) > limit:
        raise Unfit(field.name, "too_long", limit=limit, length=len(value))


def check_input(model: Model, given: Mapping[str, Any]) -> None:
    """Raise Unfit unless `given` is a whole input of the model: all that it must be told, and nothing that it does not
    know."""
    for name, value in given.items():
        field = model.field(name)
        if field is None:
            raise Unfit(name, "unknown")
        check_value(field, value)
    for field in model.fields:
        if field.required and field.name not in given:
            raise Unfit(field.name, "missing")


def _check_files(field: Field, value: Any) -> None:
    files = value if field.several else [value]
    if not isinstance(files, list) or not files:
        raise Unfit(field.name, "missing")
    for file in files:
        if not (isinstance(file, dict) and set(file) == {"file_id"} and isinstance(file["file_id"], str)):
            raise Unfit(field.name, "wrong_kind")
    if len(files) > most_files(field):
        raise Unfit(field.name, "too_many", limit=most_files(field), length=len(files))


def most_files(field: Field) -> int:
    """How many files it takes."""
    return (field.limit or _MOST_FILES) if field.several else 1


def _check_number(field: Field, value: Any) -> None:
    number = _number_of(field, value)
    low, high = bounds(field)
    if not low <= number <= high:
        raise Unfit(field.name, "out_of_range", low=low, high=high)


def _number_of(field: Field, value: Any) -> float:
    """The number that a value of the field's JSON type says; raises Unfit."""
    if field.json_type == "string":
        if isinstance(value, str) and value.isascii() and value.isdigit():
            return int(value) if len(value) < 20 else float("inf")
    elif type(value) is int or (type(value) is float and field.json_type == "number"):
        return float(value)
    raise Unfit(field.name, "no_number")


def _read_choice(field: Field, text: str) -> Value:
    wanted = text.casefold()
    for choice in field.choices:
        if str(choice).casefold() == wanted:
            return choice
    raise Unfit(field.name, "no_choice")


def _read_number(field: Field, text: str) -> float:
    """The number in `text`, written with a point or a comma; raises Unfit."""
    try:
        number = float(text.replace(",", "."))
    except ValueError as error:
        raise Unfit(field.name, "no_number") from error
    low, high = bounds(field)
    if not low <= number <= high:  # not a number is in no range
        raise Unfit(field.name, "out_of_range", low=low, high=high)
    if field.json_type != "number" and not number.is_integer():
        raise Unfit(field.name, "no_number")
    return number


def _typed(field: Field, number: float) -> Value:
    """A number in the JSON type of the field; whole numbers without a point."""
    whole: float = int(number) if float(number).is_integer() else number
    return str(whole) if field.json_type == "string" else whole


def _is_seconds_in_words(field: Field) -> bool:
    return field.kind == "string" and field.name == "duration"
