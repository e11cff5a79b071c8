"""Pictures: the prompt on a background of soft colours that follow from it; or a given picture with a mark."""

from __future__ import annotations

import colorsys
import io
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

LONG_SIDE = 1024
MAX_PIXELS = 40_000_000
"""Of a given picture; larger ones are not opened."""
MAX_TEXT = 600

# The first that this machine has. Pillow's own knows no Cyrillic.
_FONTS = ("DejaVuSans.ttf", "LiberationSans-Regular.ttf", "NotoSans-Regular.ttf", "Arial.ttf")
_LATIN = str.maketrans(
    {
        "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "e", "ж": "zh", "з": "z",
        "и": "i", "й": "j", "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r",
        "с": "s", "т": "t", "у": "u", "ф": "f", "х": "h", "ц": "c", "ч": "ch", "ш": "sh", "щ": "shch",
        "ъ": "'", "ы": "y", "ь": "'", "э": "e", "ю": "yu", "я": "ya",
    }
)  # fmt: skip

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class Picture:
    """What is to be drawn: a text, a small caption, and the ratio of width by height (None: square, or as given)."""

    text: str
    caption: str
    ratio: float | None = None
    seed: int = 1

    @cached_property
    def _random(self) -> random.Random:
        return random.Random(f"{self.seed} {self.text}")

    def draw(
        self, sources: Sequence[bytes] = (), suffix: str = "png", *, cut_out: bool = False, larger: bool = False
    ) -> bytes:
        """The file. Of the `sources` the first that is a picture is marked instead of drawing a background.

        `cut_out` leaves an oval of it, `larger` doubles its size.
        """
        image = self.image(sources, larger=larger)
        if cut_out:
            image.putalpha(_oval(image.size))
        content = io.BytesIO()
        if suffix == "jpg":
            image.save(content, "JPEG", quality=88)
        else:
            image.save(content, "PNG", compress_level=1)
        return content.getvalue()

    def image(self, sources: Iterable[bytes] = (), *, side: int = LONG_SIDE, larger: bool = False) -> Image.Image:
        """The picture as it is drawn, with `side` pixels on its longer side (of a given one at most so many)."""
        given = next((image for source in sources if (image := _opened(source)) is not None), None)
        if given is None:
            image = self._background(_size(self.ratio or 1.0, side))
            _write(image, self.text or self.caption)
        else:
            image = _fitted(given, self.ratio, 2 * side if larger else side, enlarge=larger)
        _sign(image, f"{self.text} · {self.caption}" if given is not None and self.text else self.caption)
        return image

    def _background(self, size: tuple[int, int]) -> Image.Image:
        """A few points of two hues and what lies between them, blurred into each other."""
        hue, other = self._random.random(), self._random.uniform(0.1, 0.25)
        image = Image.new("RGB", (4, 3))
        for x in range(4):
            for y in range(3):
                tone = (hue + other * self._random.random()) % 1
                colour = colorsys.hsv_to_rgb(tone, self._random.uniform(0.5, 0.75), self._random.uniform(0.55, 0.9))
                image.putpixel((x, y), tuple(round(255 * part) for part in colour))
        return image.resize(size, Image.Resampling.BICUBIC)


def _size(ratio: float, side: int) -> tuple[int, int]:
    """Width and height with this ratio."""
    return (side, max(round(side / ratio), 16)) if ratio >= 1 else (max(round(side * ratio), 16), side)


def _opened(content: bytes) -> Image.Image | None:
    """The picture; None if it is none, or too large to open."""
    try:
        image = Image.open(io.BytesIO(content))
        if image.width * image.height > MAX_PIXELS:
            return None
        return image.convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None  # Pillow raises all of these for files that are damaged


def _fitted(image: Image.Image, ratio: float | None, side: int, *, enlarge: bool) -> Image.Image:
    """The picture with this ratio, cut where it sticks out, and not over `side` pixels long."""
    if ratio is not None:
        width = min(image.width, round(image.height * ratio))
        height = min(image.height, round(image.width / ratio))
        left, top = (image.width - width) // 2, (image.height - height) // 2
        image = image.crop((left, top, left + max(width, 1), top + max(height, 1)))
    factor = min(side / max(image.size), 2.0 if enlarge else 1.0)
    return image.resize((max(round(image.width * factor), 1), max(round(image.height * factor), 1)))


def _write(image: Image.Image, text: str) -> None:
    """The text in the middle, wrapped, as large as it fits."""
    draw = ImageDraw.Draw(image, "RGBA")
    margin = min(image.size) // 12
    room = image.width - 2 * margin, image.height - 4 * margin
    for size in range(min(image.size) // 9, 8, -4):
        font = _font(size)
        lines = _wrapped(_readable(text[:MAX_TEXT]), font, room[0])
        block = "\n".join(lines)
        left, top, right, bottom = draw.multiline_textbbox((0, 0), block, font=font, spacing=size // 3)
        if right - left <= room[0] and bottom - top <= room[1]:
            break
    centre = image.width // 2, image.height // 2
    shadow = max(size // 16, 1)
    for offset, fill in ((shadow, (0, 0, 0, 110)), (0, (255, 255, 255, 255))):
        place = centre[0] + offset, centre[1] + offset
        draw.multiline_text(place, block, fill, font, anchor="mm", spacing=size // 3, align="center")


def _wrapped(text: str, font: _Font, width: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines or [""]


def _sign(image: Image.Image, caption: str) -> None:
    """A small line along the lower edge."""
    size = max(min(image.size) // 36, 9)
    font = _font(size)
    draw = ImageDraw.Draw(image, "RGBA")
    line = " ".join(_readable(caption[:MAX_TEXT]).split())
    while line and font.getlength(line) > image.width - 2 * size:
        line = line[:-2].rstrip() + "…" if len(line) > 2 else ""
    # Dense enough to cover the line of a picture that is marked for the second time.
    draw.rectangle((0, image.height - 2 * size, image.width, image.height), (20, 20, 20, 235))
    draw.text((size, image.height - size), line, (255, 255, 255, 220), font, anchor="lm")


def _oval(size: tuple[int, int]) -> Image.Image:
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).ellipse((0, 0, size[0] - 1, size[1] - 1), 255)
    return mask


@lru_cache(maxsize=64)
def _font(size: int) -> _Font:
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue  # not on this machine
    return ImageFont.load_default(size)


def _readable(text: str) -> str:
    """The text in letters that the font has."""
    font = _font(16)
    if isinstance(font, ImageFont.FreeTypeFont) and font.getname()[0] != "Aileron":
        return text
    return text.lower().translate(_LATIN)
