"""parse_mode HTML: a text with tags becomes a text and its entities, or a refusal in Telegram's words.

The grammar, its order of checks and its messages are those of `parse_html` in TDLib's MessageEntity.cpp (read in
2026-11): few tags, no comments, every tag closed, and only four named character references. Offsets and lengths of
entities are counted in UTF-16 units, the positions in refusals in bytes of UTF-8.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

Entity = dict[str, Any]
"""A MessageEntity of the Bot API."""

_TYPES = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "tg-emoji": "custom_emoji",
}
_PLAIN = re.compile(r"[^<&]+")
_REFERENCE = re.compile(r"&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|(lt|gt|amp|quot)(?![a-zA-Z]));?")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_SPACES = " \t\r\n\0\v"
_LINK = re.compile(r"(?:https?|ftp|tonsite|tg|ton)://\S+|(?:[\w-]+\.)+\w{2,}(?:[/?#:]\S*)?", re.IGNORECASE)
_MENTION = re.compile(r"tg://user\?id=([0-9]+)")


class HtmlRefused(Exception):
    """The text is not what this parse_mode takes; the message says what is wrong, as Telegram does."""


class _Open(NamedTuple):
    tag: str
    argument: str
    offset: int
    begin: int


def parse_html(source: str) -> tuple[str, list[Entity]]:
    """The text without its tags, and its entities. Raises HtmlRefused."""
    return _Parser(source).parse()


def utf16_length(text: str) -> int:
    """How many UTF-16 units the text has."""
    return len(text) + sum(character > "\uffff" for character in text)


class _Parser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._text = ""
        self._offset = 0
        self._open: list[_Open] = []
        self._entities: list[Entity] = []

    def parse(self) -> tuple[str, list[Entity]]:
        while self._at < len(self._source):
            if plain := _PLAIN.match(self._source, self._at):
                self._add(plain[0])
                self._at = plain.end()
            elif self._source[self._at] == "&":
                self._add(self._character())
            elif self._source.startswith("</", self._at):
                self._end_tag()
            else:
                self._start_tag()
        if self._open:
            raise HtmlRefused(f'Can\'t find end tag corresponding to start tag "{self._open[-1].tag}"')
        for entity in self._entities:
            if entity["type"] == "code":
                entity.pop("language", None)
        return self._text, sorted(self._entities, key=lambda entity: (entity["offset"], -entity["length"]))

    def _character(self) -> str:
        """The next character; what is no known reference is taken as it stands."""
        found = _REFERENCE.match(self._source, self._at)
        character = _referred(found) if found else ""
        if found and character:
            self._at = found.end()
            return character
        self._at += 1
        return self._source[self._at - 1]

    def _add(self, text: str) -> None:
        self._text += text
        self._offset += utf16_length(text)

    def _peek(self) -> str:
        """The next character, "" at the end."""
        return self._source[self._at : self._at + 1]

    def _skip_spaces(self) -> None:
        while self._peek() and self._peek() in _SPACES:
            self._at += 1

    def _word(self, end: str) -> str:
        """All up to a space or one of `end`."""
        begin = self._at
        while self._peek() and self._peek() not in _SPACES + end:
            self._at += 1
        return self._source[begin : self._at]

    def _start_tag(self) -> None:
        where = _bytes_before(self._source, self._at)
        self._at += 1
        tag = self._word(">").lower()
        if not self._peek():
            raise HtmlRefused(f"Unclosed start tag at byte offset {where}")
        if tag not in _TYPES:
            raise HtmlRefused(f'Unsupported start tag "{tag}" at byte offset {where}')
        argument = ""
        while True:
            self._skip_spaces()
            if self._peek() == ">":
                break
            name, value = self._attribute(tag, where)
            argument = _argument(tag, name, value) or argument
        if tag == "span" and argument != "spoiler":
            raise HtmlRefused(f'Tag "span" must have class "tg-spoiler" at byte offset {where}')
        self._at += 1
        self._open.append(_Open(tag, argument, self._offset, len(self._text)))

    def _attribute(self, tag: str, where: int) -> tuple[str, str]:
        name = self._word("=>" if tag == "blockquote" else "=")
        if not name:
            raise HtmlRefused(f'Empty attribute name in the tag "{tag}" at byte offset {where}')
        self._skip_spaces()
        if self._peek() != "=":
            if (tag, name) == ("blockquote", "expandable") and self._peek():
                return name, ""
            raise HtmlRefused(
                f'Expected equal sign in declaration of an attribute of the tag "{tag}" at byte offset {where}'
            )
        self._at += 1
        self._skip_spaces()
        if not self._peek():
            raise HtmlRefused(f'Unclosed start tag "{tag}" at byte offset {where}')
        value = self._quoted() if self._peek() in "'\"" else self._name_token()
        if not self._peek():
            raise HtmlRefused(f"Unclosed start tag at byte offset {where}")
        return name, value

    def _quoted(self) -> str:
        mark = self._peek()
        self._at += 1
        value = ""
        while self._peek() and self._peek() != mark:
            value += self._character()
        self._at += 1
        return value

    def _name_token(self) -> str:
        found = re.compile(r"[A-Za-z0-9.-]*").match(self._source, self._at)
        assert found is not None
        self._at = found.end()
        if self._peek() and self._peek() not in _SPACES + ">":
            where = _bytes_before(self._source, found.start())
            raise HtmlRefused(f"Unexpected end of name token at byte offset {where}")
        return found[0].lower()

    def _end_tag(self) -> None:
        where = _bytes_before(self._source, self._at)
        if not self._open:
            raise HtmlRefused(f"Unexpected end tag at byte offset {where}")
        self._at += 2
        tag = self._word(">").lower()
        self._skip_spaces()
        if self._peek() != ">":
            raise HtmlRefused(f"Unclosed end tag at byte offset {where}")
        self._at += 1
        opened = self._open.pop()
        if tag and tag != opened.tag:
            raise HtmlRefused(f'Unmatched end tag at byte offset {where}, expected "</{opened.tag}>", found "</{tag}>"')
        if self._offset > opened.offset:
            self._close(opened)

    def _close(self, opened: _Open) -> None:
        entity: Entity = {
            "type": _TYPES[opened.tag],
            "offset": opened.offset,
            "length": self._offset - opened.offset,
        }
        last = self._entities[-1] if self._entities else {}
        same_place = (last.get("offset"), last.get("length")) == (entity["offset"], entity["length"])
        if opened.tag == "pre" and same_place and last.get("type") == "code" and "language" in last:
            last["type"] = "pre"
        elif opened.tag == "code" and same_place and last.get("type") == "pre" and opened.argument:
            last["language"] = opened.argument
        elif opened.tag == "code" and opened.argument:
            self._entities.append({**entity, "language": opened.argument})
        elif opened.tag == "a":
            self._link(entity, opened.argument or self._text[opened.begin :])
        elif opened.tag == "tg-emoji":
            if not opened.argument.isdecimal() or not int(opened.argument):
                raise HtmlRefused("Invalid custom emoji identifier specified")
            self._entities.append({**entity, "custom_emoji_id": opened.argument})
        elif opened.tag == "blockquote" and opened.argument:
            self._entities.append({**entity, "type": "expandable_blockquote"})
        else:
            self._entities.append(entity)

    def _link(self, entity: Entity, url: str) -> None:
        """A link whose address is none stays plain text, as in Telegram."""
        if mention := _MENTION.fullmatch(url):
            user = {"id": int(mention[1]), "is_bot": False, "first_name": "User"}
            self._entities.append({**entity, "type": "text_mention", "user": user})
        elif _LINK.fullmatch(url):
            self._entities.append({**entity, "url": url if "://" in url else f"http://{url}/"})


def _argument(tag: str, name: str, value: str) -> str:
    """What an attribute says of its tag; "" for one that says nothing."""
    if (tag, name) == ("a", "href") or (tag, name) == ("tg-emoji", "emoji-id"):
        return value
    if (tag, name) == ("code", "class") and value.startswith("language-"):
        return value.removeprefix("language-")
    if (tag, name) == ("span", "class") and value.startswith("tg-"):
        return value.removeprefix("tg-")
    return "expandable" if (tag, name) == ("blockquote", "expandable") else ""


def _referred(found: re.Match[str]) -> str:
    hexadecimal, decimal, name = found.groups()
    if name:
        return _NAMED[name]
    code = int(hexadecimal, 16) if hexadecimal else int(decimal)
    return chr(code) if 0 < code < 0x10FFFF and not 0xD800 <= code <= 0xDFFF else ""


def _bytes_before(source: str, position: int) -> int:
    return len(source[:position].encode(errors="surrogatepass"))
