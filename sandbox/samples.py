"""Small made-up files, for users who send any. The PNG can be opened; the others only begin as they should."""

from __future__ import annotations

import struct
import zlib

from sandbox.files import FileKind
from sandbox.params import Upload

_PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"


def sample(kind: FileKind) -> Upload:
    """A file of this kind."""
    return {
        FileKind.PHOTO: Upload("photo.png", png(640, 480), "image/png"),
        FileKind.VIDEO: Upload("video.mp4", _mp4(b"isom"), "video/mp4"),
        FileKind.ANIMATION: Upload("animation.mp4", _mp4(b"isom"), "video/mp4"),
        FileKind.AUDIO: Upload("audio.mp3", b"ID3\x04\0\0\0\0\0\0" + bytes(512), "audio/mpeg"),
        FileKind.VOICE: Upload("voice.oga", b"OggS\0\2" + bytes(512), "audio/ogg"),
        FileKind.DOCUMENT: Upload("document.pdf", _PDF, "application/pdf"),
        FileKind.VIDEO_NOTE: Upload("note.mp4", _mp4(b"isom"), "video/mp4"),
        FileKind.STICKER: Upload("sticker.webp", webp(512, 512), "image/webp"),
    }[kind]


def png(width: int, height: int, colour: tuple[int, int, int] = (86, 130, 163)) -> bytes:
    """A picture of one colour (PNG specification, third edition)."""
    row = b"\0" + bytes(colour) * width
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(row * height)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def gif(width: int, height: int) -> bytes:
    """The header of a GIF, and its end."""
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\0\0\0;"


def webp(width: int, height: int) -> bytes:
    """The header of a WebP (RFC 9649, extended format)."""
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    chunk = b"VP8X" + struct.pack("<I", 10) + bytes(4) + size
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk


def _mp4(brand: bytes) -> bytes:
    """The first box of an MP4 and an empty one for its data (ISO/IEC 14496-12)."""
    return struct.pack(">I", 16) + b"ftyp" + brand + bytes(4) + struct.pack(">I", 8) + b"mdat"
