"""The parts of a service that creates, without sockets: kie's client and its stand-in, in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import httpx

from providers.kie.client import Kie
from providers.provider import Provider
from sandbox.fetching import Fetch
from sandbox.kie.app import BASE_URL, DEMO_KEY, KieSandbox
from sandbox.params import Upload
from svc.handler.known import Creating
from svc.jobs.results import open_result_servers
from svc.operations.providers import callback_readers
from svc.settings.environment import Settings

PUBLIC_URL = "https://bot.example"


def parts_of(kie: KieSandbox, settings: Settings) -> dict[str, Any]:
    """The Parts by which a service has its jobs made by this stand-in."""
    return {
        "creating": Creating(frozenset({"kie"}), settings.jobs_per_user, settings.jobs_per_day),
        "open_providers": partial(_open_providers, kie),
        "open_results": partial(open_result_servers, kie.transport),
        "open_remote": lambda _: kie.transport(),
        "callback_readers": callback_readers(settings),
    }


def fetched_from(kie: KieSandbox) -> Fetch:
    """How Telegram gets a file of the stand-in by its address."""

    async def fetch(url: str, most: int) -> Upload | None:
        async with httpx.AsyncClient(transport=kie.transport()) as client:
            answer = await client.get(url)
        if answer.status_code != 200 or len(answer.content) > most:
            return None
        name = urlsplit(url).path.rpartition("/")[2]
        return Upload(name, answer.content, answer.headers["content-type"])

    return fetch


@asynccontextmanager
async def _open_providers(kie: KieSandbox) -> AsyncIterator[Mapping[str, Provider]]:
    async with Kie(DEMO_KEY, BASE_URL, BASE_URL, open_transport=kie.transport) as client:
        yield {"kie": client}
