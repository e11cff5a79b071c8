"""What a card says about a model's options: each with its values, the default in bold; the rare ones by name only."""

from __future__ import annotations

from svc.bot.catalog import Field, Model
from svc.bot.create.values import INT32, bounds, is_number, offered
from svc.bot.texts import Texts
from svc.bot.view import escape
from svc.bot.views.draft import is_rare
from svc.bot.views.question import field_name, value_name

_MOST_VALUES = 8


def options_text(model: Model, texts: Texts) -> str:
    """The paragraph about the options; "" for a model that has none."""
    if not model.options:
        return ""
    lines = [
        texts.option.format(name=escape(field_name(field, texts), 60), values=_values(field, texts))
        for field in model.options
        if not is_rare(field)
    ]
    rare = ", ".join(escape(field_name(field, texts), 60) for field in model.options if is_rare(field))
    if rare:
        lines.append(texts.more_options.format(names=rare) if lines else f"• {rare}")
    return "\n".join((texts.options, *lines))


def _values(field: Field, texts: Texts) -> str:
    preset = "" if field.preset is None else f"<b>{escape(value_name(field.preset, texts), 60)}</b>"
    low, high = bounds(field)
    if is_number(field) and abs(low) < INT32 and abs(high) < INT32:
        return f"{preset} ({low:g}–{high:g})" if preset else f"{low:g}–{high:g}"
    names = [
        preset if value == field.preset else escape(value_name(value, texts), 60)
        for value in offered(field)[:_MOST_VALUES]
    ]
    if not names:
        return preset or texts.if_you_like
    if preset and preset not in names:
        names[-1] = preset
    return ", ".join(names) + (", …" if len(offered(field)) > _MOST_VALUES else "")
