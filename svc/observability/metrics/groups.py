"""The database's groups: how long the statement of each took, and how many callers shared it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Histogram

SECONDS_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2)
ITEMS_BUCKETS = (1, 2, 5, 10, 20, 50, 100)


class DatabaseGroups:
    """Both histograms, by what is written; of these names the code has a few."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "svc_database_group_seconds",
            "How long the statement and the commit of a group of writes took",
            ["write"],
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )
        self._items = Histogram(
            "svc_database_group_items",
            "How many writes shared a statement and a commit",
            ["write"],
            buckets=ITEMS_BUCKETS,
            registry=registry,
        )
        # Looking a child up by its label costs more than observing.
        self._children: dict[str, tuple[Histogram, Histogram]] = {}

    def observe(self, write: str, items: int, seconds: float) -> None:
        """A group of so many has been written, or has failed, after so many seconds."""
        children = self._children.get(write)
        if children is None:
            children = self._children[write] = self._seconds.labels(write), self._items.labels(write)
        children[0].observe(seconds)
        children[1].observe(items)
