"""Words as they sound, so that "клинг" and "Kling" or "сидрим" and "Seedream" come out as the same letters.

First Cyrillic letters become Latin ones, then spellings of one sound become one: English brands are written in Russian
as they are heard. What comes out is good for comparing only.
"""

from __future__ import annotations

import re
import unicodedata

_ONE_BY_ONE = dict(zip("абвгдежзийклмнопрстуфхъыьэюяёіїєґў", "abvgdejziiklmnoprstufh i euaeiiegv", strict=True))
_LATIN = str.maketrans(
    _ONE_BY_ONE
    | {"ц": "ts", "ч": "ch", "ш": "sh", "щ": "sh", "ъ": "", "ь": "", "я": "ya"}
    | dict(zip("қғңөұүһә", "kgnouuha", strict=True))
)

_SOUNDS = (
    (r"ee|ea|ie", "i"),
    (r"oo|ou", "u"),
    (r"ph", "f"),
    (r"ck", "k"),
    (r"x", "ks"),
    (r"q", "k"),
    (r"w", "v"),
    (r"c(?=[eiy])", "s"),
    (r"c(?!h)", "k"),
    (r"g(?=[ei])|j", "dj"),
    (r"y", "i"),
    (r"ddj", "dj"),
    (r"(.)\1", r"\1"),
    (r"(?<=[^aeiou])e\b", ""),
)
"""In this order: what an English spelling is replaced by."""
_RULES = tuple((re.compile(pattern), sound) for pattern, sound in _SOUNDS)

_WORD = re.compile(r"\d+|[^\W\d_]+")


def words(text: str) -> list[str]:
    """The words of `text` in small Latin letters, numbers apart: "FLUX.2" is "flux" and "2"."""
    latin = unicodedata.normalize("NFKC", text).casefold().translate(_LATIN)
    letters = "".join(each for each in unicodedata.normalize("NFKD", latin) if not unicodedata.combining(each))
    return _WORD.findall(letters)


def sound(word: str) -> str:
    """How a word of `words` sounds."""
    for pattern, replacement in _RULES:
        word = pattern.sub(replacement, word)
    return word
