"""What Telegram says about its webhook deliveries. Only the ACTIVE instance asks; the others show nothing."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, Gauge

LONGEST_MESSAGE = 200


class WebhookHealth:
    """The gauges; `latest` is the last answer as it stands in the table figures, None while this instance has none."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.latest: dict[str, Any] | None = None
        self._pending = Gauge("svc_webhook_pending_updates", "Updates that wait at Telegram", registry=registry)
        self._error_at = Gauge(
            "svc_webhook_last_error_timestamp_seconds",
            "When Telegram's last delivery failed, Unix time; 0 for never",
            registry=registry,
        )
        self._error = Gauge(
            "svc_webhook_last_error_info",
            "Why it failed, in Telegram's words; always 1",
            ["message"],
            registry=registry,
        )

    def show(self, pending: int = 0, error_at: int = 0, error: str | None = None) -> None:
        """Show this and nothing else."""
        # The page is UTF-8, which cannot encode a lone surrogate.
        text = None if error is None else error[:LONGEST_MESSAGE].encode("utf-8", "replace").decode()
        self._pending.set(pending)
        self._error_at.set(error_at)
        self._error.clear()
        if text is not None:
            self._error.labels(text).set(1)
        self.latest = {"pending": pending, "last_error": text, "last_error_at": error_at or None}

    def clear(self) -> None:
        """This instance does not ask any more."""
        self.show()
        self.latest = None
