"""Calls of a provider, measured by operation and by what became of them."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Mapping
from typing import Any, TypeVar

import trio

from providers.provider import NotSent, Provider, ProviderError, Refused, Task
from svc.observability.metrics.calls import CallOutcome, Operation, ProviderCalls

T = TypeVar("T")


class MeteredProvider:
    """Asks `provider`, whose name is `name`, and measures each call in `calls`. Implements `Provider`.

    What is cancelled is not measured: nobody knows how it would have ended.
    """

    def __init__(self, name: str, provider: Provider, calls: ProviderCalls) -> None:
        self._name = name
        self._provider = provider
        self._calls = calls

    async def create(self, model: str, given: Mapping[str, Any], callback_url: str | None) -> str:
        """Have it made."""
        return await self._measured("create", self._provider.create(model, given, callback_url))

    async def task(self, task_id: str) -> Task | None:
        """How a task goes."""
        return await self._measured("task", self._provider.task(task_id))

    async def upload(self, name: str, content: AsyncIterable[bytes], size: int) -> str:
        """Give the provider a file."""
        return await self._measured("upload", self._provider.upload(name, content, size))

    async def fresh_url(self, url: str) -> str:
        """Another address for a result."""
        return await self._measured("fresh_url", self._provider.fresh_url(url))

    async def _measured(self, operation: Operation, call: Awaitable[T]) -> T:
        began = trio.current_time()
        try:
            result = await call
        except ProviderError as error:
            self._calls.observe(self._name, operation, _outcome_of(error), trio.current_time() - began)
            raise
        self._calls.observe(self._name, operation, "ok", trio.current_time() - began)
        return result


def _outcome_of(error: ProviderError) -> CallOutcome:
    if isinstance(error, Refused):
        return "refused"
    return "not_sent" if isinstance(error, NotSent) else "in_doubt"
