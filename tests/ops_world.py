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

JOB = """
INSERT INTO jobs (bot_id, job_id, chat_id, user_id, provider, model, input, secret, due_at, deadline_at)
SELECT bot_id, $1, 1, 1, $2, $3, '{}', 'secret', now() + interval '1 hour', now() + interval '2 hours' FROM leadership
"""


class World:
    """What a test can have done."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self.deeds: dict[str, Callable[..., Awaitable[Any]]] = {
            "says": self.says,
            "menus": self.menus,
            "loses_an_answer": self.loses_an_answer,
            "dies": self.dies,
            "many_die": self.many_die,
            "asks_for": self.asks_for,
        }

    async def says(self, user: int, text: str) -> int:
        """Somebody writes to the bot; the update's id, once an instance has accepted it."""
        update_id = self._fleet.says(user, text)
        await eventually(lambda: update_id in self._fleet.accepted)
        return update_id

    async def menus(self, user: int, at_least: int = 0) -> int:
        """How many menus somebody has, once they have so many."""
        await eventually(lambda: self._fleet.menus()[user] >= at_least)
        return self._fleet.menus()[user]

    async def loses_an_answer(self, user: int) -> None:
        """The next message to somebody is sent, and its answer is lost."""
        self._fleet.sandbox.faults.order("error_after", method="sendMessage", chat_id=user, status=504)

    async def dies(self, update_id: int, chat: int, name: str, reason: str, hours: int) -> None:
        """Let there be a dead /start of somebody of this name, so many hours ago; they have a menu from another one."""
        await self.says(chat, "/start")
        await self.menus(chat, 1)
        sender = {"id": chat, "is_bot": False, "first_name": name, "language_code": "en"}
        chat_of = {"id": chat, "type": "private", "first_name": name}
        message = {"message_id": 1, "date": 1, "chat": chat_of, "from": sender, "text": "/start"}
        payload = json.dumps({"update_id": update_id, "message": message}).encode()
        async with asyncio_loop(), open_database(self._fleet.database_url) as database:
            await database.fetch(DEAD, update_id, chat, payload, reason, hours)

    async def many_die(self, first: int, number: int, reason: str) -> None:
        """Let there be so many dead updates, each of a chat of its own."""
        async with asyncio_loop(), open_database(self._fleet.database_url) as database:
            for update_id in range(first, first + number):
                await database.fetch(DEAD, update_id, update_id, b"{}", reason, 1)

    async def asks_for(self, job_id: int, provider: str, model: str) -> None:
        """Let there be a job that nobody works on for an hour."""
        async with asyncio_loop(), open_database(self._fleet.database_url) as database:
            await database.fetch(JOB, job_id, provider, model)


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
