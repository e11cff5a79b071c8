"""People who write to the bot, so that every answer that is sent to them belongs to one message of theirs.

Of ten people nine send one /start, and one sends four messages whose answers all differ: /start and something else, in
English and in Russian. So an answer that is missing, one too many and one out of order can be told apart.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import trio

from fleet.instances import Fleet
from sandbox.call_log import RecordedCall
from svc.bot.texts import ENGLISH, RUSSIAN

PEOPLE = 10
STEPS = 4
ROUND = ((0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (4, 0), (5, 0), (6, 0), (0, 2), (7, 0), (8, 0), (9, 0), (0, 3))
"""Ten people in the order in which they write: who, and the number of the message."""


class Line(NamedTuple):
    """What somebody writes, in which language, and what the answer is called."""

    text: str
    language: str
    answer: str


LINES = (
    Line("/start", "en", "menu in English"),
    Line("qwertz", "en", "nothing found in English"),
    Line("/start", "ru", "menu in Russian"),
    Line("qwertz", "ru", "nothing found in Russian"),
)
MENUS = frozenset({LINES[0].answer, LINES[2].answer})
APOLOGY, OTHER = "apology", "something else"
_BEGINNINGS = {
    text.partition("{")[0]: answer
    for text, answer in (
        (ENGLISH.greeting, LINES[0].answer),
        (ENGLISH.nothing_found, LINES[1].answer),
        (RUSSIAN.greeting, LINES[2].answer),
        (RUSSIAN.nothing_found, LINES[3].answer),
        (ENGLISH.apology, APOLOGY),
        (RUSSIAN.apology, APOLOGY),
    )
}
"""How each answer begins: the rest is filled in."""


@dataclass(frozen=True)
class Written:
    """A message that was written: its update's id, the chat, the answer that it should get, and when (Unix time)."""

    update_id: int
    chat_id: int
    answer: str
    at: float


@dataclass(frozen=True)
class Sent:
    """A message that Telegram accepted from the bot: to which chat, which answer, and when (Unix time)."""

    chat_id: int
    answer: str
    at: float


def script() -> Iterator[tuple[int, Line]]:
    """Who writes what, without an end."""
    for first in itertools.count(1, PEOPLE):
        for person, step in ROUND:
            yield first + person, LINES[step]


async def write(fleet: Fleet, rate: float, written: list[Written]) -> None:
    """People write `rate` messages a second, until cancelled."""
    began = trio.current_time()
    for number, (user, line) in enumerate(script()):
        await trio.sleep_until(began + number / rate)
        at = fleet.sandbox.telegram.now()
        written.append(Written(fleet.says(user, line.text, line.language), user, line.answer, at))


def sent(calls: Iterable[RecordedCall]) -> list[Sent]:
    """What the bot has sent to people, by Telegram's own list of calls, in order."""
    return [
        Sent(int(call.params["chat_id"]), answer_of(call.params), call.at)
        for call in calls
        if call.method == "sendMessage" and call.took_effect
    ]


def answer_of(params: Mapping[str, Any]) -> str:
    """What a message of the bot is called, by the parameters of its call."""
    text = params["text"]
    return next((answer for beginning, answer in _BEGINNINGS.items() if text.startswith(beginning)), OTHER)
