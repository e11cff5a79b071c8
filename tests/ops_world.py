"""A Postgres, a stand-in for Telegram and two instances, for the tests of the ops page in a browser: as a process of
its own (`python -m tests.ops_world`), since Playwright and Trio do not share one.

It prints the instances' addresses, and then does what the lines that it reads tell it, each a JSON list of a name and
arguments; each is answered with a line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import trio

from fleet.instances import Fleet, running_fleet
from fleet.waiting import eventually
from sandbox.postgres import temporary_postgres
from svc.storage.database import asyncio_loop, open_database
from tests.ops_page import TOKEN

DEAD = """
INSERT INTO dead_updates (bot_id, update_id, chat_id, update_type, payload, received_at, received_by, attempts, doubts,
                          reason, history)
SELECT bot_id, $1, $2, 'message', $3, now() - make_interval(hours => $5), 'one', 5, 0, $4, '[]' FROM leadership
"""


class World:
    """What a test can have done."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self.deeds: dict[str, Callable[..., Awaitable[Any]]] = {
            "says": self.says,
            "menus": self.menus,
            "has_a_menu": self.has_a_menu,
            "dies": self.dies,
        }

    async def says(self, user: int, text: str) -> int:
        """Somebody writes to the bot; the update's id."""
        return self._fleet.says(user, text)

    async def menus(self, user: int) -> int:
        """How many menus somebody has."""
        return self._fleet.menus()[user]

    async def has_a_menu(self, user: int) -> bool:
        """Wait until somebody has one."""
        await eventually(lambda: self._fleet.menus()[user] > 0)
        return True

    async def dies(self, update_id: int, chat: int, name: str, reason: str, hours: int) -> None:
        """Let there be a dead /start of somebody of this name, so many hours ago."""
        sender = {"id": chat, "is_bot": False, "first_name": name, "language_code": "en"}
        chat_of = {"id": chat, "type": "private", "first_name": name}
        message = {"message_id": 1, "date": 1, "chat": chat_of, "from": sender, "text": "/start"}
        payload = json.dumps({"update_id": update_id, "message": message}).encode()
        async with asyncio_loop(), open_database(self._fleet.database_url) as database:
            await database.fetch(DEAD, update_id, chat, payload, reason, hours)


async def main() -> None:
    """Run until stdin ends."""
    with temporary_postgres({"fsync": "off"}) as postgres:
        async with running_fleet(postgres.url_of("postgres"), OPS_TOKEN=TOKEN) as fleet:
            instances = [await fleet.start_active(), await fleet.start()]
            tell(*(instance.url for instance in instances))
            world = World(fleet)
            async for line in trio.wrap_file(sys.stdin):
                name, *arguments = json.loads(line)
                tell(await world.deeds[name](*arguments))


def tell(*answer: object) -> None:
    """One line of JSON."""
    sys.stdout.write(f"{json.dumps(answer)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    trio.run(main)
