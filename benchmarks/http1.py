"""As much HTTP/1.1 as the load generator and the stand-in need, and no more.

Both talk to well-behaved peers on loopback, so a message is taken whole from the buffer or not at all.
"""

from __future__ import annotations

import re

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE).search
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE).search
_LAST_CHUNK = b"\r\n0\r\n\r\n"


def take_message(data: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Split one message off the front of `data`: its head, its body and what follows; None if it is not whole yet.

    A chunked body is returned with its chunk sizes in it: whoever asks only searches it.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    head, start = data[:end], end + 4
    if length := _LENGTH(head):
        stop = start + int(length[1])
    elif _CHUNKED(head):
        # From the end of the head on, so that a body of the last chunk alone is found too.
        last = data.find(_LAST_CHUNK, end + 2)
        if last < 0:
            return None
        stop = last + len(_LAST_CHUNK)
    else:
        stop = start
    if len(data) < stop:
        return None
    return head, data[start:stop], data[stop:]
