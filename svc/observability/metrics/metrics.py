"""All metrics of one service object. Each has a registry of its own, so that several can live in one process of a
test.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from statemachine import State
from svc.observability.events import EVENTS
from svc.observability.metrics.calls import BotApiCalls, ProviderCalls
from svc.observability.metrics.groups import DatabaseGroups
from svc.observability.metrics.readings import LatestReadings
from svc.observability.metrics.snapshot import Snapshot, take_snapshot
from svc.observability.metrics.updates import Updates
from svc.observability.metrics.webhook_health import WebhookHealth
from svc.observability.version import installed_version

# A second line for each counter and bucket, which says since when it counts: Prometheus notices a restart without.
disable_created_metrics()  # type: ignore[no-untyped-call]

ACK_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2)
LAG_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5)
DELIVERY_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300)
MENU_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300)


class Metrics:
    """The service's metrics, all under `svc_`; times in seconds."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._state = Gauge("svc_state", "1 for the state the instance is in", ["state"], registry=self.registry)
        self._events = Counter("svc_events", "Log events by name", ["event"], registry=self.registry)
        # One child per event, made in advance: looking it up by its label costs more than counting.
        self._event = {name: self._events.labels(name) for name in EVENTS}
        self._other = self._events.labels("OTHER")
        self.epoch = Gauge("svc_epoch", "Epoch of this instance's latest term", registry=self.registry)
        self.ack = Histogram(
            "svc_ack_seconds", "From a webhook's request to its answer", buckets=ACK_BUCKETS, registry=self.registry
        )
        self.to_menu = Histogram(
            "svc_arrival_to_menu_seconds",
            "From the arrival of a /start to its menu's delivery",
            buckets=MENU_BUCKETS,
            registry=self.registry,
        )
        self._jobs = Counter(
            "svc_jobs_ended",
            "Jobs that have ended, and why those that failed did",
            ["ending", "reason"],
            registry=self.registry,
        )
        # These an alert waits for: there from the start, so that the first is seen as an increase.
        self._jobs.labels("unknown", "lost")
        self.job_to_person = Histogram(
            "svc_job_ready_to_delivered_seconds",
            "From a job's result being found at its provider to its delivery",
            buckets=DELIVERY_BUCKETS,
            registry=self.registry,
        )
        self.loop_lag = Histogram(
            "svc_loop_lag_seconds",
            "How late the event loop runs a task that is due; a starved loop looks like a pause",
            buckets=LAG_BUCKETS,
            registry=self.registry,
        )
        self.handover = Histogram(
            "svc_handover_seconds",
            "From hearing that the lock is free, or the attempt that took it, to ACTIVE",
            buckets=ACK_BUCKETS,
            registry=self.registry,
        )
        self.paused = Gauge(
            "svc_paused",
            "1 while this instance leads and sends nothing because Telegram does not know the bot",
            registry=self.registry,
        )
        self.reaches = Gauge(
            "svc_reaches",
            "1 if this instance gets through to the Bot API, 0 if not, NaN while it does not know",
            registry=self.registry,
        )
        self.webhook = WebhookHealth(self.registry)
        self.updates = Updates(self.registry)
        self.bot_api = BotApiCalls(self.registry)
        self.providers = ProviderCalls(self.registry)
        self.groups = DatabaseGroups(self.registry)
        self.readings = LatestReadings(self.registry)
        self.lease_left = Gauge(
            "svc_lease_left_seconds", "How long this instance may act without another heartbeat", registry=self.registry
        )
        self.queued = Gauge(
            "svc_queued_updates", "Updates that the ACTIVE instance has in memory to work on", registry=self.registry
        )
        build = Info("svc_build", "What runs here", registry=self.registry)
        build.info({"version": installed_version(), "python": platform.python_version()})
        ProcessCollector(registry=self.registry)
        self.show_state(State.BOOT)

    @contextmanager
    def leading(self, took: float, lease_left: Callable[[], float], queued: Callable[[], int]) -> Iterator[None]:
        """Show a term while the block lasts: the seconds it `took` to begin, what is left of its lease, and how many
        updates are queued."""
        self.handover.observe(took)
        self.lease_left.set_function(lease_left)
        self.queued.set_function(queued)
        try:
            yield
        finally:
            self.lease_left.set_function(lambda: 0.0)
            self.queued.set_function(lambda: 0.0)

    def count(self, event: str) -> None:
        """Count one log event."""
        self._event.get(event, self._other).inc()

    def count_job(self, ending: str, reason: str = "") -> None:
        """Count a job that has ended as delivered, failed, unknown or cancelled."""
        self._jobs.labels(ending, reason).inc()

    def show_state(self, state: State) -> None:
        """Set the gauge of `state` to 1 and all others to 0."""
        for each in State:
            self._state.labels(each.name).set(each is state)

    def snapshot(self) -> Snapshot:
        """What has been counted so far, for the table figures."""
        counted = self.updates.counters, self.bot_api.counters, (self.ack, self.to_menu)
        return take_snapshot(chain.from_iterable(each.collect() for each in chain(*counted)))

    def page(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)
