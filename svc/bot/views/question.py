"""One question about a model: for its prompt, for files, or for one of its options."""

from __future__ import annotations

from svc.bot.catalog import Field, Model, Value
from svc.bot.create.draft import Draft, at_once, file_count, may_skip, value_of
from svc.bot.create.values import Unfit, bounds, is_number, most_files, offered, text_limit
from svc.bot.texts import Texts
from svc.bot.view import Button, Row, View, button, escape, in_rows

MAX_MESSAGE = 4096
"""The characters that a person can send at once."""

# Short values stand side by side.
_WIDTH = 4
_SHORT = 6


def question(model: Model, draft: Draft, field: Field, texts: Texts, note: str = "") -> View:
    """What `field` is to be, with a way to leave it; `note` (HTML) says before that what came did not fit."""
    blocks = (note, f"<b>{escape(model.title, 100)}</b>", *_asked(model, draft, field, texts))
    return View(
        "\n\n".join(filter(None, blocks)), (*_values(draft, field, texts), *_ways_on(model, draft, field, texts))
    )


def received(model: Model, draft: Draft, field: Field, texts: Texts, note: str = "") -> View:
    """That a file has come, and that more may."""
    text = texts.creating.received.format(most=most_files(field))
    blocks = (note, f"<b>{escape(model.title, 100)}</b>", text)
    return View("\n\n".join(filter(None, blocks)), _ways_on(model, draft, field, texts))


def why_unfit(unfit: Unfit, texts: Texts) -> str:
    """What is wrong with what a person gave for a field, in words."""
    creating = texts.creating
    match unfit.reason:
        case "too_long":
            return creating.too_long.format(
                length=creating.characters(unfit.length), limit=creating.characters(unfit.limit)
            )
        case "no_number":
            return creating.no_number
        case "out_of_range":
            return creating.out_of_range.format(low=_plain(unfit.low), high=_plain(unfit.high))
        case "no_choice":
            return creating.no_choice
        case "too_many":
            return creating.files_enough.format(most=unfit.limit)
        case "missing" | "wrong_kind" | "unknown":
            return creating.no_text


def field_name(field: Field, texts: Texts) -> str:
    """What a field is called; one without a translation keeps its own name."""
    return texts.creating.fields.get(field.name, field.name.replace("_", " ").capitalize())


def value_name(value: Value | None, texts: Texts) -> str:
    """How a value is shown; None: that the model chooses."""
    if value is None:
        return texts.creating.buttons.not_set
    if isinstance(value, bool):
        return texts.flags[value]
    return texts.creating.values.get(str(value), str(value))


def _asked(model: Model, draft: Draft, field: Field, texts: Texts) -> tuple[str, ...]:
    """The paragraphs of the question itself."""
    if field.media is not None:
        return _asked_for_files(model, draft, field, texts)
    if field == model.prompt:
        return _asked_for_prompt(model, field, texts)
    creating = texts.creating
    name = escape(field_name(field, texts))
    if field.choices or field.kind == "flag":
        return (creating.ask_choice.format(name=name),)
    if is_number(field):
        low, high = map(_plain, bounds(field))
        pattern = creating.ask_number_or_press if offered(field) else creating.ask_number
        return (pattern.format(name=name, low=low, high=high),)
    limit = min(text_limit(field) or MAX_MESSAGE, MAX_MESSAGE)
    return (creating.ask_text.format(name=name, limit=creating.characters(limit)),)


def _asked_for_prompt(model: Model, field: Field, texts: Texts) -> tuple[str, ...]:
    creating = texts.creating
    limit = text_limit(field)
    about_limit = creating.up_to.format(limit=creating.characters(limit)) if limit and limit < MAX_MESSAGE else ""
    question = f"{creating.asks.get(model.task, creating.ask)} {about_limit}".strip()
    return (question, creating.at_once) if at_once(model) else (question,)


def _asked_for_files(model: Model, draft: Draft, field: Field, texts: Texts) -> tuple[str, ...]:
    creating = texts.creating
    assert field.media is not None
    several = most_files(field) > 1
    pattern = (creating.ask_files if several else creating.ask_file)[field.media]
    question = pattern.format(most=most_files(field))
    if field not in model.needed:
        return (f"{escape(field_name(field, texts))}: {question}",)
    takes_caption = model.prompt is not None and model.prompt.name not in draft.given
    return (question, creating.caption_counts) if takes_caption else (question,)


def _values(draft: Draft, field: Field, texts: Texts) -> tuple[Row, ...]:
    """A button for each value there is to choose, the present one marked."""
    present = value_of(draft, field)
    buttons: list[Button] = []
    for value in offered(field):
        mark = "✓ " if type(value) is type(present) and value == present else ""
        buttons.append(button(mark + value_name(value, texts), "draft", draft.number, "set", field.name, value))
    width = _WIDTH if all(len(each["text"]) <= _SHORT for each in buttons) else 2
    return in_rows(buttons, width)


def _ways_on(model: Model, draft: Draft, field: Field, texts: Texts) -> tuple[Row, ...]:
    """Done, skip and options where they mean something, and always a way out."""
    words = texts.creating.buttons
    there = file_count(draft, field)

    def to(text: str, *data: object) -> Button:
        return button(text, "draft", draft.number, *data)

    if field in model.options:
        cleared = (to(words.not_set, "clear", field.name),) if not field.required else ()
        done = (to(words.done, "show"),) if field.several and there else ()
        return done, cleared, (to(words.back, "page", field.name),)
    done = (to(words.done, "done", field.name),) if field.several and there else ()
    skip = (to(words.skip, "skip", field.name),) if may_skip(model, field) else ()
    options = (to(words.options, "show"),) if model.options else ()
    return (*done, *skip), (*options, to(words.cancel, "leave"))


def _plain(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else str(number)
