"""Sounds: a text as a melody, a note for each of its letters."""

from __future__ import annotations

import io
import math
import struct
import wave

RATE = 16_000
NOTE = 0.11
"""Seconds of one letter."""
MAX_LETTERS = 80

# Two octaves of a pentatonic scale, in which all notes go together.
_SCALE = tuple(220.0 * 2 ** (step / 12) for step in (0, 2, 4, 7, 9, 12, 14, 16, 19, 21))


def melody(text: str) -> bytes:
    """A WAV file: 16 bits, mono. A blank is a rest; an empty text is one note."""
    samples = [sample for letter in text[:MAX_LETTERS] or "a" for sample in _note(letter)]
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return content.getvalue()


def _note(letter: str) -> list[int]:
    length = round(NOTE * RATE)
    if letter.isspace():
        return [0] * length
    step = 2 * math.pi * _SCALE[ord(letter) % len(_SCALE)] / RATE
    # Loud at first, then fading, so that it neither clicks nor drones.
    return [round(9_000 * math.sin(step * at) * math.sin(math.pi * at / length) ** 0.5) for at in range(length)]
