"""What has been gathered for a model, with its options: press one to change it, press Create to have it made."""

from __future__ import annotations

from svc.bot.catalog import Field, Model
from svc.bot.create.draft import Draft, file_count, missing, value_of
from svc.bot.create.values import offered
from svc.bot.texts import Texts
from svc.bot.view import Button, Row, View, button, cut, escape, packed
from svc.bot.views.question import asked, field_name, given_files, value_name

# Options that people change often; the others stand behind "more".
COMMON = frozenset(
    {
        "aspect_ratio",
        "ratio",
        "image_size",
        "resolution",
        "quality",
        "duration",
        "sound",
        "generate_audio",
        "generate_audio_switch",
        "image_input",
        "image_urls",
        "input_urls",
        "n",
        "num_images",
        "mode",
        "upscale_factor",
        "speed",
    }
)

# An option with so few values goes on to the next by a press; one with more has a page of its own.
_MOST_TURNS = 3
_SHOWN_OF_A_TEXT = 600
_SHOWN_OF_A_VALUE = 20


def draft_view(model: Model, draft: Draft, texts: Texts, *, more: bool = False, note: str = "") -> View:
    """The draft with its options, the rare ones as well if `more`; `note` (HTML) says before that what went wrong."""
    creating = texts.creating
    field = missing(model, draft)
    given = "\n".join(_given(model, draft, texts))
    next_step = (creating.draft_ready,) if field is None else asked(model, draft, field, texts)
    blocks = (note, f"<b>{escape(model.title, 100)}</b>", given, *next_step)
    return View("\n\n".join(filter(None, blocks)), _rows(model, draft, field, texts, more))


def is_rare(field: Field) -> bool:
    """Whether an option stands behind "more"."""
    return field.name not in COMMON


def turns(field: Field) -> bool:
    """Whether a press on the option goes on to its next value, without a page of its own."""
    return 0 < len(offered(field)) <= _MOST_TURNS


def option_label(draft: Draft, field: Field, texts: Texts) -> str:
    """An option and what it is now."""
    if field.media is not None:
        count = file_count(draft, field)
        value = texts.creating.files(count) if count else "—"
    else:
        now = value_of(draft, field)
        value = "—" if now is None else cut(value_name(now, texts), _SHOWN_OF_A_VALUE)
    return f"{field_name(field, texts)}: {value}"


def _given(model: Model, draft: Draft, texts: Texts) -> list[str]:
    """A line for each needed field that is filled in."""
    lines = []
    for field in model.needed:
        value = draft.given.get(field.name)
        if value is None:
            continue
        if field.media is None:
            lines.append(texts.creating.given_text.format(prompt=escape(str(value), _SHOWN_OF_A_TEXT)))
        else:
            lines.append(given_files(draft, field, field.media, texts))
    return lines


def _rows(model: Model, draft: Draft, lacks: Field | None, texts: Texts, more: bool) -> tuple[Row, ...]:
    words = texts.creating.buttons

    def to(text: str, *data: object) -> Button:
        return button(text, "draft", draft.number, *data)

    shown = [field for field in model.options if more or not is_rare(field)]
    options = [to(option_label(draft, field, texts), "turn" if turns(field) else "ask", field.name) for field in shown]
    hidden = len(shown) < len(model.options)
    fewer = more and any(not is_rare(field) for field in model.options) and any(map(is_rare, model.options))
    toggle = (to(words.more, "show", "more"),) if hidden else (to(words.fewer, "show"),) if fewer else ()
    changes = [to(_change_label(field, texts), "ask", field.name) for field in model.needed if field != lacks]
    create = (button(words.create, "make", draft.number),) if lacks is None else ()
    return *packed(options), toggle, *packed(changes), create, (to(words.cancel, "leave"),)


def _change_label(field: Field, texts: Texts) -> str:
    return f"✏️ {field_name(field, texts)}"
