"""How one instance reaches the world: a proxy for each Postgres server and a port of its own to the Bot API."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from fleet.bot_api import BotApiLink
from fleet.tcp_proxy import TcpProxy


class Links:
    """The links of one instance. `ports` are those of the Postgres servers, of which one takes writes."""

    def __init__(self, bot_api: BotApiLink, ports: Sequence[int], password: str) -> None:
        self._bot_api = bot_api
        self._password = password
        self._postgres = [TcpProxy(port) for port in ports]

    async def run(self, *, task_status: trio.TaskStatus[dict[str, str]] = trio.TASK_STATUS_IGNORED) -> None:
        """Pass everything on until cancelled; starts with the settings by which an instance goes this way."""
        async with trio.open_nursery() as nursery:
            for proxy in self._postgres:
                await nursery.start(proxy.run)
            root: str = await nursery.start(self._bot_api.run)
            url = database_url([proxy.port for proxy in self._postgres], self._password)
            task_status.started({"DATABASE_URL": url, "TELEGRAM_API_ROOT": root})

    def cut_postgres(self) -> None:
        """Let nothing through between the instance and Postgres; connections stand."""
        for proxy in self._postgres:
            proxy.stall()

    def heal_postgres(self) -> None:
        """Pass on what was held back, and what comes."""
        for proxy in self._postgres:
            proxy.heal()

    def cut_bot_api(self) -> None:
        """Close the connections to the Bot API, and refuse new ones."""
        self._bot_api.refuse()

    def heal_bot_api(self) -> None:
        """Welcome connections to the Bot API again."""
        self._bot_api.heal()


def database_url(ports: Sequence[int], password: str) -> str:
    """The address of a database that is at one of these ports of this machine."""
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    return f"postgresql://postgres:{password}@{hosts}/postgres"
