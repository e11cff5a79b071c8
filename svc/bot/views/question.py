"""One question about a model: for its prompt, for files, or for one of its options."""

from __future__ import annotations

from svc.bot.catalog import Field, Model, Part, Value
from svc.bot.create.draft import Draft, at_once, file_count, may_skip, missing, value_of
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
    *first, last = asked(model, draft, field, texts)
    if field == model.prompt and at_once(model) and model.options:
        last = f"{last} {texts.creating.options_first}"
    blocks = (note, f"<b>{escape(model.title, 100)}</b>", *first, last)
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


def given_files(draft: Draft, field: Field, part: Part, texts: Texts) -> str:
    """How many files there are for a field."""
    name, count = escape(field_name(field, texts)), texts.creating.files(file_count(draft, field))
    return texts.creating.given_files[part].format(name=name, count=count)


def asked(model: Model, draft: Draft, field: Field, texts: Texts) -> tuple[str, ...]:
    """The paragraphs of the question itself."""
    if field.media is not None:
        return _asked_for_files(model, draft, field, field.media, texts)
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
    if field.name in creating.asks_option:
        return (creating.asks_option[field.name],)
    limit = min(text_limit(field) or MAX_MESSAGE, MAX_MESSAGE)
    return (creating.ask_text.format(name=name, limit=creating.characters(limit)),)


def _asked_for_prompt(model: Model, field: Field, texts: Texts) -> tuple[str, ...]:
    creating = texts.creating
    limit = text_limit(field)
    about_limit = creating.up_to.format(limit=creating.characters(limit)) if limit and limit < MAX_MESSAGE else ""
    question = f"{creating.asks.get(model.task, creating.ask)} {about_limit}".strip()
    return (question, creating.at_once) if at_once(model) else (question,)


def _asked_for_files(model: Model, draft: Draft, field: Field, part: Part, texts: Texts) -> tuple[str, ...]:
    creating = texts.creating
    pattern = (creating.ask_files if most_files(field) > 1 else creating.ask_file)[part]
    question = pattern.format(most=most_files(field))
    there = (given_files(draft, field, part, texts),) if file_count(draft, field) else ()
    if field not in model.needed:
        return *there, f"{escape(field_name(field, texts))}: {question}"
    takes_caption = model.prompt is not None and model.prompt.name not in draft.given
    more = creating.caption_counts if takes_caption else creating.at_once if at_once(model) else ""
    return (*there, question, more) if more else (*there, question)


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

    def to(text: str, *data: object) -> Button:
        return button(text, "draft", draft.number, *data)

    is_option = field in model.options
    there = file_count(draft, field) > 0
    nothing_missing = missing(model, draft) is None
    done = to(words.done, "show") if is_option else to(words.done, "done", field.name)
    first = (
        done if field.several and there else None,
        to(words.remove, "remove", field.name) if there else None,
        to(words.skip, "skip", field.name) if may_skip(model, field) else None,
        to(words.not_set, "clear", field.name) if is_option and not field.required and not field.media else None,
    )
    last = (
        to(words.back, "page", field.name) if is_option or nothing_missing else None,
        to(words.options, "show") if model.options and not is_option and not nothing_missing else None,
        None if is_option else to(words.cancel, "leave"),
    )
    return tuple(filter(None, first)), tuple(filter(None, last))


def _plain(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else str(number)
