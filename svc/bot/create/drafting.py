"""The conversation that fills in a draft: what a press, a text or a file does to it, and what is asked next.

Whatever comes, nothing that was given before is lost: what does not fit is said, and the question is asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from svc.bot.catalog import Field, Model
from svc.bot.create import draft as drafts
from svc.bot.create.allowance import refusal
from svc.bot.create.draft import Draft
from svc.bot.create.files import NoFile, file_in
from svc.bot.create.ordering import order
from svc.bot.create.values import Unfit, check_value, most_files, offered, read_value
from svc.bot.memory import Memory
from svc.bot.request import Request
from svc.bot.showing import answer_press, show
from svc.bot.view import View, button, escape
from svc.bot.views.draft import draft_view, is_rare
from svc.bot.views.gone import gone
from svc.bot.views.question import question, received, why_unfit
from svc.bot.views.status import queued
from svc.handler.reply import NOTHING, Reply
from telegram_client.updates import File, Message

ROUTE = "draft"
"""The name under which the next message is taken as an answer."""

Act = Callable[[Request, Model, Draft, str], Reply | None]
"""What a button of a draft does; its last argument is what follows in the button's data. None: nothing any more."""


def create(request: Request) -> Reply | None:
    """ "create:KEY": begin with a model, by asking for the first thing that it needs; None if it is not offered."""
    model = request.catalog.by_key(request.argument)
    if model is None:
        return None
    if not request.private:
        return notice(request, request.texts.creating.only_private)
    against = refusal(request.known, request.user_id, request.texts)
    if against is not None:
        return notice(request, against, model)
    return ask_next(request, model, Draft(request.update_id, model.key))


def pressed(request: Request) -> Reply:
    """ "draft:NUMBER:ACT:...": a button of a draft."""
    number, _, rest = request.argument.partition(":")
    name, _, argument = rest.partition(":")
    draft = request.memory.draft
    if draft is None or number != str(draft.number):
        return over(request)
    model = request.catalog.by_key(draft.key)
    act = _ACTS.get(name)
    if model is None:
        return _model_gone(request)
    return (act and act(request, model, draft, argument)) or _show(request, model, draft, "")


def answered(request: Request) -> Reply | None:
    """A message while a draft is open: what it gives is taken, and the next thing asked for."""
    draft, message = request.memory.draft, request.message
    if draft is None or message is None:
        return None
    model = request.catalog.by_key(draft.key)
    if model is None:
        return _model_gone(request)
    if message.text is None:
        return _file(request, model, draft, message)
    return _text(request, model, draft, message.text)


def _model_gone(request: Request) -> Reply:
    return show(request, gone(request), memory=request.memory.without_question())


def ask_next(request: Request, model: Model, draft: Draft, note: str = "") -> Reply:
    """Ask for what is missing; where nothing is, show the draft with its options."""
    field = drafts.missing(model, draft)
    draft = drafts.asking(draft, field)
    view = draft_view(model, draft, request.texts, note=note)
    if field is not None:
        view = question(model, draft, field, request.texts, note)
    return _keep(request, draft, view)


def over(request: Request) -> Reply:
    """A button of a draft that is finished."""
    words = request.texts.creating.draft_over
    if request.press is None or request.press.expired:
        return notice(request, words)
    return Reply(answer_press(request.press, words))


def notice(request: Request, words: str, model: Model | None = None) -> Reply:
    """Plain words with a way back: to the model's card, if there is one, and to the menu."""
    back = () if model is None else (button(request.texts.creating.buttons.back, "model", model.key),)
    return show(request, View(escape(words), (back, (button(request.texts.buttons.menu, "menu"),))))


def start(request: Request, model: Model, draft: Draft) -> Reply:
    """Have it made: the message becomes its status. What stands against it is said over the draft, which stays."""
    texts = request.texts
    against = refusal(request.known, request.user_id, texts)
    if against is not None:
        return _keep(request, drafts.asking(draft, None), draft_view(model, draft, texts, note=escape(against)))
    try:
        job = order(request, model, drafts.input_of(model, draft))
    except Unfit as unfit:
        field = model.field(unfit.field)
        if field is None or unfit.reason == "unknown":
            return notice(request, texts.creating.cannot_repeat, model)
        draft = drafts.asking(draft, field)
        return _keep(request, draft, question(model, draft, field, texts, why_unfit(unfit, texts)))
    view = queued(model.title, str(job.context["prompt"]), request.update_id, texts)
    return show(request, view, memory=request.memory.without_question(), job=job)


# What a message gives


def _text(request: Request, model: Model, draft: Draft, text: str) -> Reply:
    field = model.field(draft.asking) or model.prompt
    if field is None:
        return _ask_again(request, model, draft, request.texts.creating.no_use_for_text)
    if field.media is not None:
        return _text_for_file(request, model, draft, field, text)
    try:
        draft = drafts.with_value(draft, field, read_value(field, text))
    except Unfit as unfit:
        return _ask_again(request, model, drafts.asking(draft, field), why_unfit(unfit, request.texts))
    if field != model.prompt:
        return _keep(request, draft, draft_view(model, draft, request.texts, more=is_rare(field)))
    if drafts.missing(model, draft) is None and drafts.at_once(model):
        return start(request, model, draft)
    return ask_next(request, model, draft)


def _text_for_file(request: Request, model: Model, draft: Draft, field: Field, text: str) -> Reply:
    """A text where a file is asked for: it is the prompt. Of files that have come already these are all, then."""
    creating = request.texts.creating
    if drafts.file_count(draft, field):
        return _text(request, model, drafts.asking(draft, None), text)
    with_prompt, note = _with_prompt(request, model, draft, text)
    kept = f" {creating.text_kept}" if with_prompt is not draft else ""
    assert field.media is not None
    return _ask_again(request, model, with_prompt, note or creating.no_file[field.media] + kept)


def _file(request: Request, model: Model, draft: Draft, message: Message) -> Reply:
    found = _place_for_file(model, draft, message)
    if isinstance(found, NoFile):
        return NOTHING if request.follows else _no_such_file(request, model, draft, found)
    field, file = found
    if request.follows:
        return _one_more(request, draft, field, file)
    full = field.several and drafts.file_count(draft, field) == most_files(field)
    draft, note = _with_prompt(request, model, drafts.with_file(draft, field, file.file_id), message.caption or "")
    if full:
        note = request.texts.creating.files_enough.format(most=most_files(field))
    if field.several and most_files(field) > 1:
        return _keep(request, draft, received(model, draft, field, request.texts, note))
    draft = drafts.asking(draft, None)
    if field in model.options:
        return _keep(request, draft, draft_view(model, draft, request.texts, more=is_rare(field), note=note))
    return ask_next(request, model, draft, note)


def _one_more(request: Request, draft: Draft, field: Field, file: File) -> Reply:
    """One more of an album whose first was answered: it is taken without a word, if there is room."""
    draft = drafts.with_file(draft, field, file.file_id) if field.several else draft
    return Reply(state=_remembering(request, draft).state())


def _no_such_file(request: Request, model: Model, draft: Draft, file: NoFile) -> Reply:
    creating = request.texts.creating
    asked = model.field(draft.asking)
    if file.too_large:
        note = creating.file_too_large
    elif asked is not None and asked.media is not None:
        note = creating.no_file[asked.media]
    else:
        note = creating.no_text if asked is not None else creating.no_use_for_file
    return _ask_again(request, model, draft, note)


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
    prompt = model.prompt
    if not text.strip() or prompt is None or prompt.name in draft.given:
        return draft, ""
    try:
        check_value(prompt, text.strip())
    except Unfit as unfit:
        return draft, why_unfit(unfit, request.texts)
    return msgspec.structs.replace(draft, given={**draft.given, prompt.name: text.strip()}), ""


# What a button does


def _show(request: Request, model: Model, draft: Draft, argument: str) -> Reply:
    draft = drafts.asking(draft, drafts.missing(model, draft))
    return _keep(request, draft, draft_view(model, draft, request.texts))


def _more(request: Request, model: Model, draft: Draft, argument: str) -> Reply:
    draft = drafts.asking(draft, drafts.missing(model, draft))
    return _keep(request, draft, draft_view(model, draft, request.texts, more=True))


def _page(request: Request, model: Model, draft: Draft, argument: str) -> Reply | None:
    """The page of options that the field `argument` stands on."""
    field = model.field(argument)
    if field is None:
        return None
    return (_more if is_rare(field) else _show)(request, model, draft, "")


def _ask(request: Request, model: Model, draft: Draft, argument: str) -> Reply | None:
    field = model.field(argument)
    if field is None:
        return None
    draft = drafts.asking(draft, field)
    return _keep(request, draft, question(model, draft, field, request.texts))


def _turn(request: Request, model: Model, draft: Draft, argument: str) -> Reply | None:
    """The next value of an option; behind the last, where the model may choose, comes that it does."""
    field = model.field(argument)
    if field is None or not offered(field):
        return None
    values = offered(field)
    now = drafts.value_of(draft, field)
    place = next((index for index, value in enumerate(values) if value == now and type(value) is type(now)), -1)
    if place == len(values) - 1 and field.preset is None:
        draft = drafts.without_value(draft, field)
    else:
        draft = drafts.with_value(draft, field, values[(place + 1) % len(values)])
    return _page(request, model, draft, argument)


def _set(request: Request, model: Model, draft: Draft, argument: str) -> Reply | None:
    name, _, text = argument.partition(":")
    field = model.field(name)
    value = next((value for value in offered(field) if str(value) == text), None) if field else None
    if field is None or value is None:
        return None
    return _page(request, model, drafts.with_value(draft, field, value), name)


def _clear(request: Request, model: Model, draft: Draft, argument: str) -> Reply | None:
    """Leave an option to the model: it is not told, whatever its preset."""
    field = model.field(argument)
    if field is None or field.required:
        return None
    return _page(request, model, drafts.skipping(draft, field), argument)


def _skip(request: Request, model: Model, draft: Draft, argument: str) -> Reply | None:
    field = model.field(argument)
    if field is None or not drafts.may_skip(model, field):
        return None
    return ask_next(request, model, drafts.skipping(draft, field))


def _done(request: Request, model: Model, draft: Draft, argument: str) -> Reply:
    return ask_next(request, model, draft)


def _go(request: Request, model: Model, draft: Draft, argument: str) -> Reply:
    if drafts.missing(model, draft) is not None:
        return ask_next(request, model, draft)
    return start(request, model, draft)


def _leave(request: Request, model: Model, draft: Draft, argument: str) -> Reply:
    creating = request.texts.creating
    rows = ((button(creating.buttons.back, "model", model.key), button(request.texts.buttons.menu, "menu")),)
    return show(request, View(creating.draft_left, rows), memory=request.memory.without_question())


_ACTS: Mapping[str, Act] = {
    "show": _show,
    "more": _more,
    "page": _page,
    "ask": _ask,
    "turn": _turn,
    "set": _set,
    "clear": _clear,
    "skip": _skip,
    "done": _done,
    "go": _go,
    "leave": _leave,
}


# Memory


def _ask_again(request: Request, model: Model, draft: Draft, note: str) -> Reply:
    """What is asked for, once more, with a word about what came."""
    field = model.field(draft.asking)
    if field is None:
        return ask_next(request, model, draft, note)
    return _keep(request, draft, question(model, draft, field, request.texts, note))


def _keep(request: Request, draft: Draft, view: View) -> Reply:
    """Show `view` and remember the draft; one that has become too large stays as it was, which is said."""
    if drafts.is_small_enough(draft):
        return show(request, view, memory=_remembering(request, draft))
    before = request.memory.draft
    assert before is not None, "a draft becomes too large by what is added to it"
    model = request.catalog.by_key(before.key)
    assert model is not None
    return ask_next(request, model, before, request.texts.creating.too_much)


def _remembering(request: Request, draft: Draft) -> Memory:
    return msgspec.structs.replace(request.memory, asking=ROUTE, draft=draft)
