"""The providers that the settings set up: their clients, and who may call back. A new one is added here."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from providers.kie.callback import task_id_of
from providers.kie.client import ROOT, UPLOAD_ROOT, Kie
from providers.kie.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, verify
from providers.provider import Provider
from svc.handler.known import Creating
from svc.intake.callback import Forged, Headers, ReadCallback
from svc.settings.environment import Settings

KIE = "kie"


def creating(settings: Settings) -> Creating:
    """What may be created with these settings."""
    providers = frozenset({KIE} if settings.kie_api_key else ())
    return Creating(providers, settings.jobs_per_user, settings.jobs_per_day)


@asynccontextmanager
async def open_providers(settings: Settings) -> AsyncIterator[Mapping[str, Provider]]:
    """The clients of all that are set up, until the end of the block."""
    if not settings.kie_api_key:
        yield {}
        return
    async with _kie(settings) as kie:
        yield {KIE: kie}


async def kie_credit(settings: Settings) -> float:
    """How many credits are left at kie; raises ProviderError."""
    async with _kie(settings) as kie:
        return await kie.credit()


def _kie(settings: Settings) -> Kie:
    root = settings.kie_api_root
    # Another server than kie's own, a stand-in for one, takes uploads itself.
    return Kie(settings.kie_api_key, root, UPLOAD_ROOT if root == ROOT else root)


def callback_readers(settings: Settings) -> dict[str, ReadCallback]:
    """How the callbacks of each are read. Also where no key is set here now: jobs of before may be under way."""
    return {KIE: kie_reader(settings.kie_webhook_key)}


def kie_reader(key: str, now: Callable[[], float] = time.time) -> ReadCallback:
    """Reads kie's callbacks, which must be signed if there is a key."""

    def read(headers: Headers, body: bytes) -> str | None:
        task_id = task_id_of(body)
        if key and not _is_signed(task_id, headers, key, now()):
            raise Forged("wrong or missing signature")
        return task_id

    return read


def _is_signed(task_id: str | None, headers: Headers, key: str, now: float) -> bool:
    timestamp, signature = headers.get(TIMESTAMP_HEADER.lower(), ""), headers.get(SIGNATURE_HEADER.lower(), "")
    return task_id is not None and verify(task_id, timestamp, signature, key, now=now)
