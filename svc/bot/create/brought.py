"""What somebody sends before a model is chosen: a description or a file, kept for the model that they pick."""

from __future__ import annotations

from typing import Literal

import msgspec

from svc.bot.catalog import Catalog, Model, Part
from svc.bot.create import draft as drafts
from svc.bot.create.draft import Draft
from svc.bot.create.files import NoFile, file_in
from svc.bot.create.values import Unfit, check_value
from telegram_client.updates import File, Message

MAX_WORDS = 2000
"""The characters of a description that are kept: a part of what may be kept of a chat."""
MEDIA: tuple[Literal["image", "video", "audio"], ...] = ("image", "video", "audio")


class Brought(msgspec.Struct, frozen=True, omit_defaults=True):
    """`words` are a description, or what stood under the file; `part` says what kind the file is, if there is one."""

    words: str = ""
    part: Literal["", "image", "video", "audio"] = ""
    file_id: str = ""


def brought_file(message: Message) -> Brought | NoFile:
    """The file of `message` that a model could work on."""
    too_large = False
    for part in MEDIA:
        file = file_in(message, part)
        if isinstance(file, File):
            return Brought((message.caption or "")[:MAX_WORDS], part, file.file_id)
        too_large = too_large or file.too_large
    return NoFile(too_large)


def tasks_for(part: Part, catalog: Catalog) -> tuple[str, ...]:
    """What can be made of a file of this kind, or of words alone, in the order of the catalogue."""
    return tuple(dict.fromkeys(model.task for model in catalog.models if _works_on(model, part)))


def placed(brought: Brought, model: Model, draft: Draft) -> Draft:
    """The draft with as much of what was brought as the model takes."""
    field = drafts.field_for(model, draft, brought.part) if brought.part else None
    if field is not None:
        draft = drafts.with_file(draft, field, brought.file_id)
    words = brought.words.strip()
    if not words or model.prompt is None:
        return draft
    try:
        check_value(model.prompt, words)
    except Unfit:
        return draft
    return msgspec.structs.replace(draft, given={**draft.given, model.prompt.name: words})


def _works_on(model: Model, part: Part) -> bool:
    parts = model.inputs.split("+")
    return parts == ["prompt"] if part == "prompt" else part in parts
