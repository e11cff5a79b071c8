"""What the ACTIVE instance learns and sets at Telegram besides answering: who it is, its commands, its updates."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import trio
import trio.testing

from svc.delivery.commands_setup import FIRST_PAUSE, LONGEST_PAUSE, SET_UP_AFTER, set_up_commands
from svc.delivery.identity import Identity
from svc.handler.known import Me
from telegram_client.errors import InDoubt, NotSent, Refused, TelegramError
from telegram_client.get_me import read_me
from telegram_client.update_kinds import DEFAULT_KINDS, kinds_to_ask_for
from tests.harness import captured_logs

ME = {"id": 42, "is_bot": True, "first_name": "Menu", "username": "menu_bot"}
COMMANDS = {"": [("start", "Menu"), ("help", "Help")], "ru": [("start", "Меню")]}


class Telegram:
    """Keeps the commands and the button; the next calls fail with what is in `failures`."""

    def __init__(self, *failures: TelegramError) -> None:
        self.failures = list(failures)
        self.commands: dict[str, Any] = {}
        self.button: Any = {"type": "default"}
        self.calls: list[str] = []
        self.times: list[float] = []

    async def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        on_sent: Callable[[], None] | None = None,
    ) -> Any:
        await trio.lowlevel.checkpoint()
        params = params or {}
        self.calls.append(method)
        self.times.append(trio.current_time())
        if self.failures:
            raise self.failures.pop(0)
        language = params.get("language_code", "")
        match method:
            case "getMyCommands":
                return self.commands.get(language, [])
            case "setMyCommands":
                self.commands[language] = params["commands"]
            case "getChatMenuButton":
                return self.button
            case "setChatMenuButton":
                self.button = params["menu_button"]
            case "getMe":
                return ME
        return True

    @property
    def sets(self) -> list[str]:
        return [method for method in self.calls if method.startswith("set")]


async def test_the_commands_are_set_where_they_differ(autojump_clock: trio.testing.MockClock) -> None:
    """Each language's by itself, and the button; a second time nothing is set."""
    telegram = Telegram()
    await set_up_commands(telegram, COMMANDS, random.Random(0))
    assert telegram.sets == ["setMyCommands", "setMyCommands", "setChatMenuButton"]
    assert telegram.commands["ru"] == [{"command": "start", "description": "Меню"}]
    assert telegram.button == {"type": "commands"}
    assert telegram.times[0] == SET_UP_AFTER, "the menus come first"
    telegram.calls.clear()
    await set_up_commands(telegram, COMMANDS, random.Random(0))
    assert telegram.sets == []
    await set_up_commands(telegram, {**COMMANDS, "ru": [("start", "Начало")]}, random.Random(0))
    assert telegram.sets == ["setMyCommands"]


async def test_a_bot_without_commands_changes_none(autojump_clock: trio.testing.MockClock) -> None:
    """What somebody has set by hand stays."""
    telegram = Telegram()
    await set_up_commands(telegram, {}, random.Random(0))
    assert telegram.calls == []


async def test_what_fails_is_tried_again_later(autojump_clock: trio.testing.MockClock) -> None:
    """More and more seldom, and no sooner than Telegram asks for."""
    failures = [
        NotSent("getMyCommands", "ConnectError"),
        InDoubt("getMyCommands", "ReadError"),
        Refused("getMyCommands", "Bad Request", status=400),
        NotSent("getMyCommands", "Too Many Requests", status=429, retry_after=1000.0),
    ]
    telegram = Telegram(*failures)
    with captured_logs() as logs:
        await set_up_commands(telegram, COMMANDS, random.Random(0))
    delays = [line["delay"] for line in logs.of("COMMANDS_RETRY")]
    assert len(delays) == 4
    assert delays[0] <= FIRST_PAUSE < delays[2] <= LONGEST_PAUSE
    assert delays[3] == 1000.0
    assert telegram.button == {"type": "commands"}


async def test_it_asks_for_its_name_until_it_is_told(autojump_clock: trio.testing.MockClock) -> None:
    """Whoever needs the name waits for it, for a time."""
    telegram = Telegram(NotSent("getMe", "ConnectError"), Refused("getMe", "Unauthorized", status=401))
    identity = Identity()
    assert await identity.known(3.0) is None
    assert trio.current_time() == 3.0
    async with trio.open_nursery() as nursery:
        nursery.start_soon(identity.ask, telegram, random.Random(0))
        assert await identity.known(60.0) == Me(42, "menu_bot")
    assert telegram.calls == ["getMe"] * 3
    await identity.ask(telegram, random.Random(0))
    assert telegram.calls == ["getMe"] * 3, "what is known is not asked again"


@pytest.mark.parametrize(
    "result", [True, None, [], {}, {"id": "x", "username": "y"}, {"id": 5}, {"id": 5, "username": ""}]
)
def test_an_answer_without_a_name_tells_nothing(result: Any) -> None:
    """As some gateway may give it."""
    identity = Identity()
    identity.told(result)
    assert identity.me is None
    assert read_me(result) is None


def test_the_kinds_that_are_asked_for() -> None:
    """The default ones are asked for by an empty list; who wants more names all of them."""
    assert kinds_to_ask_for() == []
    assert kinds_to_ask_for(["message", "inline_query"]) == []
    asked = kinds_to_ask_for(["message", "message_reaction", "message_reaction"])
    assert asked == [*DEFAULT_KINDS, "message_reaction"]
