"""What somebody writes or sends while a draft is open: it is taken for what it fits, and the next thing is asked for.

Whatever comes, nothing that was given before is lost: what does not fit is said, and the question is asked again.
"""

from __future__ import annotations

import msgspec

from svc.bot.catalog import Field, Model
from svc.bot.create import draft as drafts
from svc.bot.create.draft import Draft
from svc.bot.create.files import NoFile, file_in
from svc.bot.create.steps import ask_again, ask_next, keep, model_gone, remembering, start
from svc.bot.create.values import Unfit, check_value, most_files, read_value
from svc.bot.request import Request
from svc.bot.views.draft import draft_view, is_rare
from svc.bot.views.question import received, why_unfit
from svc.handler.reply import NOTHING, Reply
from telegram_client.updates import File, Message


def answered(request: Request) -> Reply | None:
    """A message while a draft is open."""
    draft, message = request.memory.draft, request.message
    if draft is None or message is None:
        return None
    model = request.catalog.by_key(draft.key)
    if model is None:
        return model_gone(request)
    if message.text is None:
        return _file(request, model, draft, message)
    return _text(request, model, draft, message.text)


def _text(request: Request, model: Model, draft: Draft, text: str) -> Reply:
    field = model.field(draft.asking) or model.prompt
    if field is None:
        return ask_again(request, model, draft, request.texts.creating.no_use_for_text)
    if field.media is not None:
        return _text_for_file(request, model, draft, field, text)
    try:
        draft = drafts.with_value(draft, field, read_value(field, text))
    except Unfit as unfit:
        return ask_again(request, model, drafts.asking(draft, field), why_unfit(unfit, request.texts))
    if field != model.prompt:
        return _option_given(request, model, draft, field)
    if drafts.missing(model, draft) is None and drafts.at_once(model):
        return start(request, model, draft)
    return ask_next(request, model, draft)


def _text_for_file(request: Request, model: Model, draft: Draft, field: Field, text: str) -> Reply:
    """A text where a file is asked for: it is the prompt. Of files that have come already these are all, then."""
    if drafts.file_count(draft, field):
        return _text(request, model, drafts.asking(draft, None), text)
    with_prompt, note = _with_prompt(request, model, draft, text)
    if with_prompt is not draft:
        note = request.texts.creating.text_kept
    assert field.media is not None
    return ask_again(request, model, with_prompt, note or request.texts.creating.no_file[field.media])


def _file(request: Request, model: Model, draft: Draft, message: Message) -> Reply:
    found = _place_for_file(model, draft, message)
    if isinstance(found, NoFile):
        return NOTHING if request.follows else _no_such_file(request, model, draft, found)
    field, file = found
    full = field.several and drafts.file_count(draft, field) == most_files(field)
    if not request.follows or field.several:
        draft = drafts.with_file(draft, field, file.file_id)
    draft, note = _with_prompt(request, model, draft, message.caption or "")
    if request.follows:
        # One more of an album whose first was answered: taken without a word.
        return Reply(state=remembering(request, draft).state())
    if full:
        note = request.texts.creating.files_enough.format(most=most_files(field))
    if most_files(field) > 1:
        return keep(request, draft, received(model, draft, field, request.texts, note))
    draft = drafts.asking(draft, None)
    if field in model.options:
        return _option_given(request, model, draft, field, note)
    if drafts.at_once(model):
        return start(request, model, draft)
    return ask_next(request, model, draft, note)


def _option_given(request: Request, model: Model, draft: Draft, field: Field, note: str = "") -> Reply:
    """The options again, those among which the field stands; what is missing besides is asked for there."""
    draft = drafts.asking(draft, drafts.missing(model, draft))
    return keep(request, draft, draft_view(model, draft, request.texts, more=is_rare(field), note=note))


def _no_such_file(request: Request, model: Model, draft: Draft, file: NoFile) -> Reply:
    creating = request.texts.creating
    asked = model.field(draft.asking)
    if file.too_large:
        note = creating.file_too_large
    elif asked is not None and asked.media is not None:
        note = creating.no_file[asked.media]
    else:
        note = creating.no_text if asked is not None else creating.no_use_for_file
    return ask_again(request, model, draft, note)


def _place_for_file(model: Model, draft: Draft, message: Message) -> tuple[Field, File] | NoFile:
    """Where the file of a message goes: what is asked for first, else any field of the model that takes its kind."""
    asked = model.field(draft.asking)
    fields = [drafts.field_for(model, draft, part) for part in ("image", "video", "audio")]
    too_large = False
    for field in [asked] if asked is not None and asked.media else fields:
        if field is None or field.media is None:
            continue
        file = file_in(message, field.media)
        if isinstance(file, File):
            return field, file
        too_large = too_large or file.too_large
    return NoFile(too_large)


def _with_prompt(request: Request, model: Model, draft: Draft, text: str) -> tuple[Draft, str]:
    """The draft with `text` as its prompt, if it has none yet; and what is wrong with the text, if anything."""
    prompt, text = model.prompt, text.strip()
    if not text or prompt is None or prompt.name in draft.given:
        return draft, ""
    try:
        check_value(prompt, text)
    except Unfit as unfit:
        return draft, why_unfit(unfit, request.texts)
    return msgspec.structs.replace(draft, given={**draft.given, prompt.name: text}), ""
