"""Videos: a picture that is slowly moved over, as H.264 in an MP4 file that browsers play.

Nothing here compresses: each frame is a picture of its own, whose blocks of 16 by 16 points stand in the stream as they
are (I_PCM, which every decoder has to know; ITU-T H.264, 7.3.5). So the few fields below are all that is needed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from PIL import Image, ImageDraw

from sandbox.kie.mp4 import mp4
from sandbox.kie.pictures import Picture

RATE = 6
"""Frames a second."""
LONG_SIDE = 320
BLOCK = 16

_PARAMETERS, _PICTURE_PARAMETERS, _KEY_FRAME = 0x67, 0x68, 0x65
_BASELINE, _LEVEL = bytes((66, 0xC0)), 40


def film(picture: Picture, sources: Sequence[bytes], seconds: float) -> bytes:
    """An MP4 file of about this length with the picture in it, or with the first of the `sources` that is one."""
    still = picture.image(sources, side=2 * LONG_SIDE)
    scale = LONG_SIDE / max(still.size)
    width, height = (max(round(side * scale / BLOCK), 1) * BLOCK for side in still.size)
    count = max(round(seconds * RATE), 1)
    frames = [_frame(_view(still, at / count, (width, height)), at) for at in range(count)]
    return mp4(frames, RATE, (width, height), _sequence(width, height), _picture_parameters())


def _view(still: Image.Image, share: float, size: tuple[int, int]) -> Image.Image:
    """What the camera sees when this share of the time is over: it comes nearer, and a line tells how far it is."""
    edge = 0.06 * share
    box = (still.width * edge, still.height * edge, still.width * (1 - edge), still.height * (1 - edge))
    view = still.resize(size, Image.Resampling.BILINEAR, box)
    ImageDraw.Draw(view).rectangle((0, size[1] - 4, size[0] * share, size[1]), (255, 255, 255))
    return view


class _Bits:
    """Bits in a row, as H.264 writes its headers."""

    def __init__(self, first: int, width: int) -> None:
        self._bits = f"{first:0{width}b}"

    def ue(self, *values: int) -> _Bits:
        """Numbers in Exp-Golomb code (9.1): as many zeros as there are digits after the first."""
        for value in values:
            digits = f"{value + 1:b}"
            self._bits += "0" * (len(digits) - 1) + digits
        return self

    def raw(self, digits: str) -> _Bits:
        """Single bits."""
        self._bits += digits
        return self

    def aligned(self) -> bytes:
        """As bytes, with zeros at the end."""
        bits = self._bits + "0" * (-len(self._bits) % 8)
        return int(bits, 2).to_bytes(len(bits) // 8, "big")


def _unit(content: bytes) -> bytes:
    """A NAL unit: no three bytes in it may look like the start of another one (7.4.1)."""
    return content[:1] + re.sub(rb"\x00\x00(?=[\x00-\x03])", b"\x00\x00\x03", content[1:])


def _sequence(width: int, height: int) -> bytes:
    """The sequence parameter set (7.3.2.1.1): no reordering, one frame kept, this size."""
    bits = _Bits(_LEVEL, 8).ue(0, 0, 2, 1).raw("0").ue(width // BLOCK - 1, height // BLOCK - 1)
    # Frames only, no direct_8x8, no cropping, no VUI; then the stop bit.
    return _unit(bytes((_PARAMETERS,)) + _BASELINE + bits.raw("1000" + "1").aligned())


def _picture_parameters() -> bytes:
    """The picture parameter set (7.3.2.2): CAVLC, one slice group, nothing weighted, nothing special."""
    bits = _Bits(_PICTURE_PARAMETERS, 8).ue(0, 0).raw("00").ue(0, 0, 0).raw("000").ue(0, 0, 0).raw("000" + "1")
    return _unit(bits.aligned())


def _frame(image: Image.Image, number: int) -> bytes:
    """One frame as a key frame (7.3.3, 7.3.4): a slice with the samples of all blocks."""
    # First block 0, an I slice (7), parameters 0, frame_num 0 (4 bits), another idr_pic_id than the frame before it,
    # two flags about references, no change of the quantizer, and the first block's type, I_PCM (25).
    header = _Bits(_KEY_FRAME, 8).ue(0, 7, 0).raw("0000").ue(number % 2).raw("00").ue(0, 25).aligned()
    luma, blue, red = _planes(image)
    block_type = bytes((0x0D, 0x00))  # 25 again, and zeros up to the next byte
    blocks = [
        _samples(luma, x, y, 2) + _samples(blue, x, y, 1) + _samples(red, x, y, 1)
        for y in range(0, image.height // 2, BLOCK // 2)
        for x in range(0, image.width // 2, BLOCK // 2)
    ]
    return _unit(header + block_type.join(blocks) + b"\x80")


def _planes(image: Image.Image) -> list[Image.Image]:
    """Brightness, and the two colours at half the size, in the range that video has (16 to 235, 16 to 240)."""
    luma, *colours = image.convert("YCbCr").split()
    half = image.width // 2, image.height // 2
    return [
        luma.point([16 + level * 219 // 255 for level in range(256)]),
        *(colour.resize(half).point([16 + level * 224 // 255 for level in range(256)]) for colour in colours),
    ]


def _samples(plane: Image.Image, x: int, y: int, scale: int) -> bytes:
    """A block's samples of one plane; `x` and `y` as in the planes of half the size."""
    side = scale * BLOCK // 2
    return plane.crop((scale * x, scale * y, scale * x + side, scale * y + side)).tobytes()
