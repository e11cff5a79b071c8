"""Texts and captions of a request: parsed, trimmed and measured as Telegram does it, with their entities.

Entities come from the tags of parse_mode HTML or from the request, and are found besides: commands, mentions, hashtags,
links. The other parse modes are accepted, and their marks are left in the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from sandbox.answers import CAPTION_TOO_LONG, TEXT_EMPTY, TEXT_TOO_LONG, MethodFailed, bad_request
from sandbox.html_text import Entity, HtmlRefused, parse_html, utf16_length
from sandbox.params import Params

MAX_TEXT = 4_096
MAX_CAPTION = 1_024
"""Characters, after parsing (Bot API documentation)."""

_LEFT_AS_IT_IS = frozenset({"", "none", "markdown", "markdownv2"})
_FOUND = re.compile(
    r"(?P<url>https?://[^\s<>]+)"
    r"|(?P<bot_command>(?<![\w/])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z]\w{2,31})?(?!\w))"
    r"|(?P<mention>(?<!\w)@[A-Za-z]\w{2,31})"
    r"|(?P<hashtag>(?<!\w)#\w*[^\W\d]\w*)"
)
_TO_STRIP = " \t\r\n\0\v"


class Formatted(NamedTuple):
    """A text with its entities."""

    text: str
    entities: list[Entity]

    def fields(self, name: str) -> dict[str, Any]:
        """What a message has of it, as its `text` or its `caption`; nothing of an empty one."""
        if not self.text:
            return {}
        entities_name = "entities" if name == "text" else f"{name}_entities"
        return {name: self.text, **({entities_name: self.entities} if self.entities else {})}


def read_text(params: Params) -> Formatted:
    """The `text` of a request. Raises MethodFailed for one that is empty, too long or wrongly formatted."""
    if not params.text("text"):
        raise MethodFailed(TEXT_EMPTY)
    formatted = _read(params, "text", "entities")
    if not formatted.text:
        raise MethodFailed(TEXT_EMPTY)
    if len(formatted.text) > MAX_TEXT:
        raise MethodFailed(TEXT_TOO_LONG)
    return formatted


def read_caption(params: Params) -> Formatted:
    """The `caption` of a request, perhaps an empty one. Raises MethodFailed for one that Telegram would not take."""
    formatted = _read(params, "caption", "caption_entities")
    if len(formatted.text) > MAX_CAPTION:
        raise MethodFailed(CAPTION_TOO_LONG)
    return formatted


def written(text: str) -> Formatted:
    """What a person has typed."""
    return Formatted(text, _found(text, []))


def _read(params: Params, name: str, entities_name: str) -> Formatted:
    mode = params.text("parse_mode").lower()
    text = params.text(name)
    if mode == "html":
        try:
            text, entities = parse_html(text)
        except HtmlRefused as refused:
            raise MethodFailed(bad_request(f"can't parse entities: {refused}")) from None
    elif mode in _LEFT_AS_IT_IS:
        entities = _given(params, entities_name) if mode in {"", "none"} else []
    else:
        raise MethodFailed(bad_request("unsupported parse_mode"))
    text, entities = _trimmed(text, entities)
    return Formatted(text, _found(text, entities))


def _given(params: Params, name: str) -> list[Entity]:
    """The entities that a request names; as the real server does, what is no list of them counts for none."""
    try:
        given = params.json(name)
    except ValueError:
        return []
    if not isinstance(given, list):
        return []
    for entity in given:
        if not isinstance(entity, Mapping) or not all(isinstance(entity.get(key), int) for key in ("offset", "length")):
            raise MethodFailed(bad_request("can't parse MessageEntity: expected an Object"))
    return [dict(entity) for entity in given]


def _trimmed(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """The text without spaces around it; entities move along, and are cut where it ends."""
    before = utf16_length(text) - utf16_length(text.lstrip(_TO_STRIP))
    text = text.strip(_TO_STRIP)
    end = utf16_length(text)
    kept = []
    for entity in entities:
        begin = max(entity["offset"] - before, 0)
        length = min(entity["offset"] - before + entity["length"], end) - begin
        if length > 0:
            kept.append({**entity, "offset": begin, "length": length})
    return text, kept


def _found(text: str, entities: list[Entity]) -> list[Entity]:
    """The entities, and what is found by itself where there are none."""
    taken = [range(entity["offset"], entity["offset"] + entity["length"]) for entity in entities]
    found = []
    for match in _FOUND.finditer(text):
        assert match.lastgroup is not None
        offset, length = utf16_length(text[: match.start()]), utf16_length(match[0])
        if not any(place.start < offset + length and offset < place.stop for place in taken):
            found.append({"type": match.lastgroup, "offset": offset, "length": length})
    return sorted([*entities, *found], key=lambda entity: (entity["offset"], -entity["length"]))
