"""What a model makes of its input: a picture, a video or a sound, in which files, and how each is made."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.kie.pictures import Picture
from sandbox.kie.sounds import melody
from sandbox.kie.videos import film

Kind = Literal["image", "video", "audio"]
Find = Callable[[str], bytes | None]
"""The file that was uploaded under an address; None if there is none."""

MAX_COUNT = 4

CONTENT_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "mp4": "video/mp4",
    "wav": "audio/wav",
}

# By words of the id, the first that fits; everything else makes pictures.
_KINDS: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (re.compile(r"to-speech|audio-isolation|text-to-audio|music"), "audio"),
    (re.compile(r"video|seedance|avatar|infinitalk|hailuo|kling|minimax"), "video"),
)


@dataclass(frozen=True, slots=True)
class Work:
    """What a task makes: `count` files of this kind, each with this suffix."""

    kind: Kind
    suffix: str
    count: int = 1


def work_of(model: str, given: Mapping[str, Any]) -> Work:
    """What `model` makes of `given`."""
    kind = next((kind for words, kind in _KINDS if words.search(model)), "image")
    if kind == "video":
        return Work("video", "mp4")
    if kind == "audio":
        return Work("audio", "wav")
    jpeg = given.get("output_format") in ("jpg", "jpeg") and not _cuts_out(model)
    return Work("image", "jpg" if jpeg else "png", _count(given))


def make(model: str, given: Mapping[str, Any], work: Work, number: int, find: Find) -> bytes:
    """The file with this number, from 1 on. Takes some hundredths of a second."""
    text = next((value for name in ("prompt", "text") if isinstance(value := given.get(name), str)), "")
    sources = [content for url in _addresses(given) if (content := find(url)) is not None]
    # A prompt may hold halves of characters, as JSON lets it.
    picture = Picture(text.encode("utf-8", "replace").decode(), model, _ratio(given), seed=number)
    if work.kind == "audio":
        # What cleans a sound gives the sound back: nothing here can take noise out of it.
        return next((source for source in sources if source[:4] == b"RIFF"), None) or melody(text)
    if work.kind == "video":
        video = next((source for source in sources if source[4:8] == b"ftyp"), None)
        return video or film(picture, sources, _seconds(given))
    return picture.draw(sources, work.suffix, cut_out=_cuts_out(model), larger="upscale" in model)


def _cuts_out(model: str) -> bool:
    return "remove-background" in model


def _count(given: Mapping[str, Any]) -> int:
    return round(_number(given, ("num_images", "n"), 1, MAX_COUNT))


def _seconds(given: Mapping[str, Any]) -> float:
    """How long the video is: short, whatever was asked for."""
    return _number(given, ("duration",), 2, 4)


def _number(given: Mapping[str, Any], names: tuple[str, ...], least: float, most: float) -> float:
    """The first of these fields that is a number, kept within limits; the least if none is."""
    for name in names:
        match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)s?", str(given.get(name)))
        if match:
            return min(max(float(match[1]), least), most)
    return least


def _ratio(given: Mapping[str, Any]) -> float | None:
    """Width by height; None where it is not said ("auto")."""
    for name in ("aspect_ratio", "image_size", "ratio"):
        match = re.fullmatch(r"([1-9]\d?):([1-9]\d?)", str(given.get(name)))
        if match:
            return int(match[1]) / int(match[2])
    return None


def _addresses(given: Mapping[str, Any]) -> Iterator[str]:
    for value in given.values():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str) and each.startswith("http"):
                yield each
