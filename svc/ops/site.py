"""The ops page of one instance, put together: what it reads from, what it shows, and what has to run beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import trio
from jinja2 import Environment

from svc.ops.clients import Network
from svc.ops.files import Files, make_templates
from svc.ops.stream import Streams
from svc.ops.topics import Topics
from svc.ops.under_way import UnderWay
from svc.ops.watching import Watch
from svc.settings.environment import Settings
from svc.settings.masking import make_mask
from svc.storage.database import Database


@dataclass
class Site:
    """What all routes share. `token` and `proxies` are the settings OPS_TOKEN and TRUSTED_PROXIES; `hide` takes the
    settings' secrets out of a text.
    """

    database: Database
    bot_id: int
    token: str = field(repr=False)
    proxies: Sequence[Network]
    hide: Callable[[str], str]
    watch: Watch
    streams: Streams
    files: Files = field(default_factory=Files)
    templates: Environment = field(default_factory=make_templates)
    under_way: UnderWay = field(default_factory=UnderWay)

    async def run(self) -> None:
        """Look for the pages that are open, and act, until cancelled: then their streams end, and what is under way."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.watch.run)
            nursery.start_soon(self.under_way.run)


def make_site(settings: Settings, database: Database, *, bot: Callable[[], str]) -> Site:
    """The ops page of this instance, on a database of its own. `bot` tells what the bot is called."""
    hide = make_mask(settings.secrets)
    topics = Topics(database, settings.bot_id, served_by=settings.instance_id, bot=bot, hide=hide)
    watch = Watch(topics.by_name())
    return Site(
        database,
        settings.bot_id,
        token=settings.ops_token,
        proxies=settings.trusted_proxies,
        hide=hide,
        watch=watch,
        streams=Streams(watch.news),
    )
