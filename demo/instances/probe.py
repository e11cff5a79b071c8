"""What an instance answers when it is asked how it is: over HTTP, as a load balancer and Prometheus ask."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
import trio

ANSWER_DEADLINE = 1.0
LEASE_LEFT = "svc_lease_left_seconds "
QUEUED = "svc_queued_updates "


@dataclass(frozen=True, slots=True)
class Figures:
    """Whether it is ready for work, the seconds left of its lease, the updates in its queue. None: it does not say."""

    ready: bool = False
    lease_left: float | None = None
    queued: int | None = None


async def ask(client: httpx.AsyncClient, address: str) -> Figures:
    """Ask for /readyz and /metrics; what is not answered within a second is unknown, and not ready."""
    ready = await _get(client, f"{address}/readyz")
    metrics = await _get(client, f"{address}/metrics")
    if metrics is None:
        return Figures()
    queued = _gauge(metrics.text, QUEUED)
    return Figures(
        ready=ready is not None and ready.status_code == 200,
        lease_left=_gauge(metrics.text, LEASE_LEFT),
        queued=None if queued is None else int(queued),
    )


async def _get(client: httpx.AsyncClient, url: str) -> httpx.Response | None:
    with trio.move_on_after(ANSWER_DEADLINE):
        try:
            return await client.get(url)
        except httpx.TransportError:
            pass  # it is not up, or has just ended
    return None


def _gauge(page: str, name: str) -> float | None:
    start = page.find(f"\n{name}")
    return None if start < 0 else float(page[start + len(name) + 1 :].partition("\n")[0])
