"""What a file is, told by its own bytes: the type of its content, the size of a picture, size and duration of an MP4.

No library is needed: only headers are read.
"""

from __future__ import annotations

import mimetypes
import re
import struct
from collections.abc import Iterator
from typing import NamedTuple


class Size(NamedTuple):
    """Of a picture, in pixels."""

    width: int
    height: int


_PNG, _JPEG, _WEBP, _GIF = "image/png", "image/jpeg", "image/webp", "image/gif"
PICTURES = frozenset({_PNG, _JPEG, _WEBP, _GIF})

# RFC 6838, section 4.2, in lower case. The type goes into a header when the file is asked for.
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+-]{1,127}")
# JPEG's frame headers; the other codes of that range are tables (ITU T.81, table B.1).
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def mime_type_of(content: bytes, name: str = "", told: str = "application/octet-stream") -> str:
    """The type of a file: by its first bytes, else as its sender has `told`, if that is one, else by its name."""
    found = _by_signature(content[:16])
    if found:
        return found
    told = told.partition(";")[0].strip().lower()
    if _MEDIA_TYPE.fullmatch(told) and told != "application/octet-stream":
        return told
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def picture_size(content: bytes) -> Size | None:
    """The size of a PNG, JPEG, GIF or WebP; None for anything else, and for a header that is cut off."""
    readers = {_PNG: _png_size, _JPEG: _jpeg_size, _GIF: _gif_size, _WEBP: _webp_size}
    reader = readers.get(_by_signature(content[:16]))
    try:
        size = reader(content) if reader else None
    except (struct.error, IndexError):
        return None
    return size if size and size.width and size.height else None


class Video(NamedTuple):
    """An MP4: its size in pixels, and how long it plays, in seconds."""

    size: Size
    duration: float


def video_facts(content: bytes) -> Video | None:
    """What the header of an MP4 says (ISO/IEC 14496-12, boxes mvhd and tkhd); None where there is none to read."""
    try:
        movie = next((body for name, body in _boxes(content) if name == b"moov"), b"")
        duration, size = 0.0, Size(0, 0)
        for name, body in _boxes(movie):
            if name == b"mvhd":
                duration = _movie_duration(body)
            for track_name, track_header in _boxes(body) if name == b"trak" else ():
                if track_name == b"tkhd":
                    width, height = struct.unpack(">II", track_header[-8:])
                    # Fixed-point numbers of 16.16 bits; a track of sound has none.
                    size = max(size, Size(width >> 16, height >> 16))
    except struct.error:
        return None
    return Video(size, duration) if all(size) else None


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The boxes that follow one another in `content`: their names and what is in them."""
    at = 0
    while at + 8 <= len(content):
        length, name = struct.unpack_from(">I4s", content, at)
        begin = at + 8
        if length == 1:
            length, begin = struct.unpack_from(">Q", content, begin)[0], at + 16
        end = at + length if length else len(content)
        if end < begin:
            return
        yield name, content[begin:end]
        at = end


def _movie_duration(header: bytes) -> float:
    layout, at = (">IQ", 20) if header[:1] == b"\1" else (">II", 12)
    scale, units = struct.unpack_from(layout, header, at)
    return float(units / scale) if scale else 0.0


def _by_signature(head: bytes) -> str:
    signatures = [
        (b"\x89PNG\r\n\x1a\n", _PNG),
        (b"\xff\xd8\xff", _JPEG),
        (b"GIF8", _GIF),
        (b"OggS", "audio/ogg"),
        (b"ID3", "audio/mpeg"),
        (b"\xff\xfb", "audio/mpeg"),
        (b"%PDF", "application/pdf"),
        (b"PK\x03\x04", "application/zip"),
        (b"\x1aE\xdf\xa3", "video/webm"),
    ]
    for signature, mime_type in signatures:
        if head.startswith(signature):
            return mime_type
    if head[:4] == b"RIFF":
        return {b"WEBP": _WEBP, b"WAVE": "audio/x-wav"}.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        return "audio/mp4" if head[8:11] == b"M4A" else "video/mp4"
    return ""


def _png_size(content: bytes) -> Size:
    return Size(*struct.unpack_from(">II", content, 16))


def _gif_size(content: bytes) -> Size:
    return Size(*struct.unpack_from("<HH", content, 6))


def _jpeg_size(content: bytes) -> Size | None:
    at = 2
    while content[at] == 0xFF:
        code = content[at + 1]
        if code in _FRAMES:
            height, width = struct.unpack_from(">HH", content, at + 5)
            return Size(width, height)
        # Markers without a length: fill bytes, and those between 0xD0 and 0xD9.
        at += 1 if code == 0xFF else 2 if 0xD0 <= code <= 0xD9 else 2 + struct.unpack_from(">H", content, at + 2)[0]
    return None


def _webp_size(content: bytes) -> Size | None:
    """A WebP holds a VP8 frame, a lossless one, or an extended header (RFC 9649)."""
    chunk = content[12:16]
    if chunk == b"VP8 ":
        width, height = struct.unpack_from("<HH", content, 26)
        return Size(width & 0x3FFF, height & 0x3FFF)
    if chunk == b"VP8L":
        bits = struct.unpack_from("<I", content, 21)[0]
        return Size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if chunk == b"VP8X":
        return Size(
            int.from_bytes(content[24:27], "little") + 1 if len(content) >= 30 else 0,
            int.from_bytes(content[27:30], "little") + 1,
        )
    return None
