"""What has been gathered so far for a model: small, kept in the chat's memory, and filled in step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from svc.bot.catalog import Field, Model, Value
from svc.bot.create.values import check_input, most_files

MAX_DRAFT = 12 * 1024
"""How large a draft may become, in bytes of JSON: most of what is kept of a chat."""


class Draft(msgspec.Struct, frozen=True, omit_defaults=True):
    """`number` tells it from others of the chat: the id of the update that has opened it. `key` names the model.

    `given` are the fields that a person has filled in, as the provider takes them; a file is {"file_id": ...}. One that
    a person has left out deliberately stands in `skipped`. `asking` is the field that the next message is to fill, ""
    for none.
    """

    number: int
    key: str
    given: dict[str, Any] = {}
    skipped: tuple[str, ...] = ()
    asking: str = ""


def at_once(model: Model) -> bool:
    """Whether what comes may start it: a prompt, where that is all it needs, or a file, where that is all it takes."""
    return len(model.needed) == 1 and (model.prompt is not None or not model.options)


def may_skip(model: Model, field: Field) -> bool:
    """Whether a needed field may be left out: an optional text of a model that has a file to work on."""
    return field.kind == "text" and not field.required and any(other.media for other in model.needed)


def missing(model: Model, draft: Draft) -> Field | None:
    """The first needed field that is neither filled in nor left out."""
    return next(
        (field for field in model.needed if field.name not in draft.given and field.name not in draft.skipped), None
    )


def with_value(draft: Draft, field: Field, value: Value) -> Draft:
    """The draft with a value for a field, which is not asked for any more."""
    return _replace(draft, field, {**draft.given, field.name: value}, asking="")


def without_value(draft: Draft, field: Field) -> Draft:
    """The draft with the field as nobody has touched it."""
    return _replace(draft, field, {name: value for name, value in draft.given.items() if name != field.name})


def skipping(draft: Draft, field: Field) -> Draft:
    """The draft with the field left out deliberately."""
    return msgspec.structs.replace(without_value(draft, field), skipped=(*draft.skipped, field.name), asking="")


def with_file(draft: Draft, field: Field, file_id: str) -> Draft:
    """The draft with one more file for a field: in place of the one before where the field takes one.

    A list that is full stays as it is. A field for several files is still asked for until somebody says that this is
    all.
    """
    file = {"file_id": file_id}
    if not field.several:
        return _replace(draft, field, {**draft.given, field.name: file}, asking="")
    files = [*draft.given.get(field.name, []), file][: most_files(field)]
    return _replace(draft, field, {**draft.given, field.name: files}, asking=field.name)


def asking(draft: Draft, field: Field | None) -> Draft:
    """The draft with the next message meant for `field`."""
    return msgspec.structs.replace(draft, asking=field.name if field else "")


def file_count(draft: Draft, field: Field) -> int:
    """How many files there are for a field."""
    value = draft.given.get(field.name)
    return len(value) if isinstance(value, list) else int(value is not None)


def value_of(draft: Draft, field: Field) -> Any:
    """What the model would be told for an option now; None: nothing."""
    return draft.given.get(field.name, None if field.name in draft.skipped else field.preset)


def field_for(model: Model, draft: Draft, part: str) -> Field | None:
    """Where a file of this kind goes: what is asked for, else the first field for it that has room, else the first."""
    fields = [field for field in (*model.needed, *model.options) if field.media == part]
    asked = next((field for field in fields if field.name == draft.asking), None)
    return asked or next((field for field in fields if file_count(draft, field) < most_files(field)), _first(fields))


def input_of(model: Model, draft: Draft) -> dict[str, Any]:
    """What the model is told: what was given, and the presets of all else; raises Unfit if it would not take that."""
    told = {field.name: value_of(draft, field) for field in model.fields}
    whole = {name: value for name, value in told.items() if value is not None}
    check_input(model, {**draft.given, **whole})
    return whole


def is_small_enough(draft: Draft) -> bool:
    """Whether it can be kept."""
    return len(msgspec.json.encode(draft)) <= MAX_DRAFT


def _replace(draft: Draft, field: Field, given: dict[str, Any], asking: str | None = None) -> Draft:
    skipped = tuple(name for name in draft.skipped if name != field.name)
    return msgspec.structs.replace(
        draft, given=given, skipped=skipped, asking=draft.asking if asking is None else asking
    )


def _first(fields: Sequence[Field]) -> Field | None:
    return fields[0] if fields else None
