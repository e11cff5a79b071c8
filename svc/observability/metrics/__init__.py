"""What /metrics shows, by Prometheus' conventions: base units, counters that end in _total, labels of few values.

    metrics.py         `Metrics`, all of them; one registry for each service object
    updates.py         what became of updates: accepted, finished, retried, in doubt
    calls.py           calls of the Bot API and of providers, by what became of them
    groups.py          the database's groups: how long each takes, and how many items it has
    readings.py        what only the database knows, as the ACTIVE instance has read it
    webhook_health.py  what Telegram says of its deliveries
    snapshot.py        the counters at one moment, and what was counted between two

A scrape asks nobody: whatever is shown stands in memory already.
"""

from svc.observability.metrics.metrics import Metrics
from svc.observability.metrics.readings import Readings
from svc.observability.metrics.snapshot import Snapshot
from svc.observability.metrics.webhook_health import WebhookHealth

__all__ = ["Metrics", "Readings", "Snapshot", "WebhookHealth"]
