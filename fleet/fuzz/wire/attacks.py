"""The attacks: who does what, and how many of them, again and again until the attack is over.

The clients of an attack are those of one program on the same machine: it takes its share of the processors, too.
"""

from __future__ import annotations

from dataclasses import dataclass

from fleet.fuzz.wire.odd_requests import GARBAGE, HEADERS
from fleet.fuzz.wire.requests import HEALTHZ, METRICS, NOT_AN_UPDATE, WRONG, login, whole
from fleet.fuzz.wire.talks import (
    MIB,
    Talk,
    absurd_extensions,
    absurd_trailers,
    ask_and_go,
    ask_and_stay,
    endless_chunks,
    go,
    just_short_of_too_long,
    longer_than_announced,
    never_read,
    no_number,
    pipelined,
    pipelined_and_gone,
    pressing,
    say_half_and_go,
    slow_body,
    slow_callback,
    slow_headers,
    stay,
    stop_within_body,
    stop_within_callback,
    stop_within_headers,
    tiny_chunks,
    tiny_chunks_for_a_callback,
    too_long,
    unread_chunks,
)


@dataclass(frozen=True)
class Attack:
    """What is done. So many `clients` do one of `talks` each, in turn, on connections of their own; each begins anew
    when its connection ends, unless the attack is `once`. `small` as in `Wire.connection`. It lasts `seconds`, and each
    client makes the server keep `body` bytes of a body at most."""

    words: str
    clients: int
    talks: tuple[Talk, ...]
    once: bool = False
    small: bool = False
    seconds: float = 8
    body: int = 0


STRANGERS = 10
LONGER_THAN_PATIENCE = 14.0
"""Seconds: the server waits for 10, for whatever it waits."""

ATTACKS = {
    "none": Attack("the good requests alone", 0, (stay,)),
    "slow": Attack(
        "headers and bodies byte by byte, or never ended",
        300,
        (slow_headers, slow_body, slow_callback, stop_within_headers, stop_within_body),
        seconds=LONGER_THAN_PATIENCE,
    ),
    "unread": Attack(
        "pages without end, and no answer is read", 50, (never_read,), small=True, seconds=LONGER_THAN_PATIENCE
    ),
    "oversized": Attack(
        "lengths that are too large, bodies longer than announced or without end",
        50,
        (too_long, no_number, just_short_of_too_long, longer_than_announced, endless_chunks),
        body=MIB,
    ),
    "chunks": Attack(
        "tiny chunks, absurd extensions and trailers",
        STRANGERS,
        (tiny_chunks, tiny_chunks_for_a_callback, unread_chunks, absurd_extensions, absurd_trailers),
        body=MIB,
    ),
    "pipelined": Attack("300 requests in one write", STRANGERS, (pipelined, pipelined_and_gone)),
    "idle": Attack("10,000 connections that say nothing", 10_000, (stay,), once=True),
    "idle later": Attack("10,000 connections that ask once and then say nothing", 10_000, (ask_and_stay,), once=True),
    "held": Attack(
        "3,000 connections that hold back the end of their bodies",
        3_000,
        (stop_within_callback,),
        once=True,
        seconds=LONGER_THAN_PATIENCE,
    ),
    "come and go": Attack("connections that come and go", 100, (go, say_half_and_go, ask_and_go)),
    "headers": Attack("thousands of headers, or long ones, or odd ones", STRANGERS, HEADERS),
    "garbage": Attack("what is no HTTP, or another", STRANGERS, GARBAGE),
    "strangers: page": Attack("ten connections that press /healthz without pause", STRANGERS, (pressing(HEALTHZ),)),
    "strangers: login": Attack("the same with wrong tokens for /ops", STRANGERS, (pressing(login("wrong")),)),
    "strangers: secret": Attack(
        "the same with a wrong secret for /webhook", STRANGERS, (pressing(whole(NOT_AN_UPDATE, secret=WRONG)),)
    ),
    "strangers: all": Attack(
        "the same with all of these and /metrics in turn",
        STRANGERS,
        (pressing(HEALTHZ, login("wrong"), whole(NOT_AN_UPDATE, secret=WRONG), METRICS),),
    ),
}
