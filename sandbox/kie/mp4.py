"""An MP4 file (ISO/IEC 14496-12 and -15) with one track of H.264, all of whose frames are key frames."""

from __future__ import annotations

import struct
from collections.abc import Sequence

_UNITY = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_UNDETERMINED = 0x55C4  # the language "und"


def mp4(frames: Sequence[bytes], rate: int, size: tuple[int, int], sequence: bytes, picture: bytes) -> bytes:
    """The file of these frames (a NAL unit each), shown at `rate` a second; its two parameter sets."""
    samples = [struct.pack(">I", len(frame)) + frame for frame in frames]
    start = _box(b"ftyp", b"isom", 512, b"isomiso2avc1mp41")
    # The place of the first frame is in the header in front of it, whose length does not depend on it.
    header = _movie(samples, rate, size, sequence, picture, 0)
    header = _movie(samples, rate, size, sequence, picture, len(start) + len(header) + 8)
    return start + header + _box(b"mdat", *samples)


def _movie(
    samples: Sequence[bytes], rate: int, size: tuple[int, int], sequence: bytes, picture: bytes, offset: int
) -> bytes:
    """The `moov` box; `offset` is where the first frame begins in the file."""
    length = len(samples)
    head = _full(b"mvhd", 0, 0, 0, rate, length, 0x10000, b"\x01\x00", bytes(10), _UNITY, bytes(24), 2)
    width, height = size
    track = _box(
        b"trak",
        _full(b"tkhd", 3, 0, 0, 1, 0, length, bytes(16), _UNITY, width << 16, height << 16),
        _box(
            b"mdia",
            _full(b"mdhd", 0, 0, 0, rate, length, struct.pack(">HH", _UNDETERMINED, 0)),
            _full(b"hdlr", 0, 0, b"vide", bytes(12), b"video\0"),
            _box(
                b"minf",
                _full(b"vmhd", 1, bytes(8)),
                _box(b"dinf", _full(b"dref", 0, 1, _full(b"url ", 1))),
                _samples_table(samples, size, sequence, picture, offset),
            ),
        ),
    )
    return _box(b"moov", head, track)


def _samples_table(
    samples: Sequence[bytes], size: tuple[int, int], sequence: bytes, picture: bytes, offset: int
) -> bytes:
    """The `stbl` box: how the frames are coded, how long each lasts, where and how large they are; one chunk."""
    return _box(
        b"stbl",
        _full(b"stsd", 0, 1, _coding(size, sequence, picture)),
        _full(b"stts", 0, 1, len(samples), 1),
        _full(b"stsc", 0, 1, 1, len(samples), 1),
        _full(b"stsz", 0, 0, len(samples), *(len(sample) for sample in samples)),
        _full(b"stco", 0, 1, offset),
    )


def _coding(size: tuple[int, int], sequence: bytes, picture: bytes) -> bytes:
    """The `avc1` box: the size, 72 points an inch, 24 bits deep; in it the two parameter sets."""
    configuration = _box(
        b"avcC",
        b"\x01" + sequence[1:4] + b"\xff\xe1" + struct.pack(">H", len(sequence)) + sequence,
        b"\x01" + struct.pack(">H", len(picture)) + picture,
    )
    return _box(
        b"avc1",
        struct.pack(">6xH16xHH", 1, *size),
        struct.pack(">IIIH32xHh", 72 << 16, 72 << 16, 0, 1, 24, -1),
        configuration,
    )


def _full(kind: bytes, flags: int, *parts: bytes | int) -> bytes:
    """A box with a version, 0, and flags."""
    return _box(kind, flags, *parts)


def _box(kind: bytes, *parts: bytes | int) -> bytes:
    """A box: its length, its kind, its parts; numbers have 32 bits."""
    content = b"".join(part if isinstance(part, bytes) else struct.pack(">I", part) for part in parts)
    return struct.pack(">I", 8 + len(content)) + kind + content
