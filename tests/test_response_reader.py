"""HTTP answers, read from bytes that come in any pieces: every shape, whatever is none, what comes behind one."""

from __future__ import annotations

import gc
import itertools
import weakref

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telegram_client.response_reader import ResponseReader
from tests.http_answers import BODY, NO_ANSWERS, SHAPES, Shape, with_length


def fed(*pieces: bytes, ends: bool = False) -> tuple[ResponseReader, bytes]:
    """A reader that has read these pieces as far as the answer went, and the body it gave."""
    reader = ResponseReader()
    body = b""
    for piece in (*pieces, b"") if ends else pieces:
        if not reader.complete and (piece or ends):
            reader.feed(piece)
            body += reader.take_body()
    return reader, body


def agrees(shape: Shape, reader: ResponseReader, body: bytes) -> bool:
    """Whether the reader has read what this answer is."""
    read = (reader.status, body, reader.complete, reader.keeps_open)
    return read == (shape.status, shape.body, True, shape.keeps_open)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_an_answer_is_the_same_in_whatever_pieces_it_comes(shape: Shape) -> None:
    """At once, in two pieces split anywhere, and byte by byte."""
    splits = [(shape.data[:at], shape.data[at:]) for at in range(1, len(shape.data))]
    single = tuple(bytes([byte]) for byte in shape.data)
    for pieces in [(shape.data,), *splits, single]:
        assert agrees(shape, *fed(*(piece for piece in pieces if piece), ends=shape.ends)), pieces


@given(st.sampled_from(sorted(SHAPES)), st.sets(st.integers(1, 400)))
def test_an_answer_is_the_same_in_many_pieces(name: str, cuts: set[int]) -> None:
    """Split in any number of places."""
    shape = SHAPES[name]
    places = [0, *sorted(cut for cut in cuts if cut < len(shape.data)), len(shape.data)]
    pieces = [shape.data[start:stop] for start, stop in itertools.pairwise(places)]
    assert agrees(shape, *fed(*pieces, ends=shape.ends))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_part_of_an_answer_is_none(shape: Shape) -> None:
    """Cut off anywhere it is an error, but for one that lasts until the connection ends, from its body on."""
    whole_from = len(shape.data) - len(BODY) if shape.ends else len(shape.data)
    for at in range(1, whole_from):
        with pytest.raises(httpx.RemoteProtocolError):
            fed(shape.data[:at], ends=True)


@pytest.mark.parametrize("name", [name for name, shape in SHAPES.items() if not shape.ends])
@pytest.mark.parametrize("behind", [b"\x00", b"HTTP/1.1 200", with_length(b"{}"), b"<html>"])
def test_what_comes_behind_an_answer_spoils_its_connection(name: str, behind: bytes) -> None:
    """The answer counts; nothing is read of what nobody has asked for, and the connection is not used again."""
    shape = SHAPES[name]
    for at in (0, len(shape.data) // 2, len(shape.data) - 1):
        reader, body = fed(*filter(None, (shape.data[:at], shape.data[at:] + behind)))
        assert (reader.status, body, reader.complete) == (shape.status, shape.body, True)
        assert not reader.keeps_open


def test_headers_are_those_of_the_final_answer() -> None:
    """Neither a 1xx answer's nor a trailer's."""
    assert fed(SHAPES["behind several"].data)[0].headers == [(b"Transfer-Encoding", b"chunked")]
    assert fed(SHAPES["in chunks with a trailer"].data)[0].headers == [(b"Transfer-Encoding", b"chunked")]
    assert (b"Retry-After", b"5") in fed(SHAPES["a refusal"].data)[0].headers


@pytest.mark.parametrize("data", NO_ANSWERS.values(), ids=NO_ANSWERS)
@pytest.mark.parametrize("size", [1, 1000, 1_000_000], ids="{} at once".format)
def test_what_is_no_answer_is_an_error(data: bytes, size: int) -> None:
    """In whatever pieces it comes, and with a bound on the head."""
    with pytest.raises(httpx.RemoteProtocolError):
        fed(*(data[start : start + size] for start in range(0, len(data), size)), ends=True)


@given(st.binary(max_size=300), st.sampled_from(sorted(SHAPES)), st.integers(0, 400), st.integers(1, 400))
def test_garbage_is_an_answer_or_an_error(garbage: bytes, name: str, at: int, size: int) -> None:
    """Alone, or in the midst of an answer: nothing else is raised, and at the connection's end it is one of the two."""
    data = SHAPES[name].data[:at] + garbage + SHAPES[name].data[at:]
    for each in (garbage, data):
        try:
            reader, _ = fed(*(each[start : start + size] for start in range(0, len(each), size)), ends=True)
        except httpx.RemoteProtocolError:
            continue
        assert reader.complete


def test_a_reader_that_is_done_is_gone_at_once() -> None:
    """Nothing of it is left to the garbage collector."""
    gc.disable()
    try:
        reader, _ = fed(SHAPES["in chunks"].data)
        gone = weakref.ref(reader)
        del reader
        assert gone() is None
    finally:
        gc.enable()
