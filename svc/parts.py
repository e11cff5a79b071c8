"""What one instance is put together from."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from svc.delivery.readings import TakeReadings
from svc.delivery.retention import Kept
from svc.handler.bot import Bot
from svc.handler.known import Creating
from svc.intake.callback import ReadCallback
from svc.jobs.results import open_result_servers
from svc.jobs.runner import OpenProviders, OpenResults, no_providers
from svc.leadership.election import LockSession
from svc.observability.metrics import Metrics
from svc.settings.environment import Settings
from svc.storage.database import Database
from svc.storage.figures import Figures
from svc.storage.inbox import Inbox
from svc.storage.instances import Instances
from svc.storage.jobs import Jobs
from svc.storage.transition_log import TransitionLog
from telegram_client.connections import OpenTransport
from telegram_client.downloads import OpenFor, network_transport_for


@dataclass
class Parts:
    """What the service is put together from: the real parts in `svc run`, stand-ins under a test's mock clock."""

    settings: Settings
    metrics: Metrics
    inbox: Inbox
    instances: Instances
    jobs: Jobs
    transition_log: TransitionLog
    bot: Bot
    prepare: Callable[[], Awaitable[None]]
    """BOOT's work: wait for the database, bring its schema up to date."""
    writers: Callable[[], Awaitable[None]]
    """Writes the groups of inbox, jobs and transition log until cancelled."""
    connect_lock: Callable[[Callable[[Sequence[int]], None], Callable[[], None]], Awaitable[LockSession]]
    """Opens a session to the lock server; the first argument is called with the updates that other instances have
    stored, the second when an operator has ordered something.
    """
    database_answers: Callable[[], Awaitable[bool]]
    take_readings: TakeReadings | None = None
    """Reads what the metrics tell of the database; None: they tell nothing of it."""
    figures: Figures | None = None
    """Where it is written what is counted; None: nowhere."""
    open_transport: OpenTransport | None = None
    """How the Bot API is reached; None: over the network."""
    open_remote: OpenFor = network_transport_for
    """How files that lie elsewhere are reached."""
    creating: Creating = field(default_factory=Creating)
    """What may be created here."""
    open_providers: OpenProviders = no_providers
    """Opens the connections to those who create, for one period."""
    open_results: OpenResults = open_result_servers
    """Opens connections to the servers that hold what was created."""
    callback_readers: Mapping[str, ReadCallback] = field(default_factory=dict)
    """How a callback of each provider is read."""
    ops_database: Database | None = None
    """What the ops page reads from and acts on, apart from the engine's; None: there is no such page."""
    kept: Sequence[Kept] = ()
    """What else is forgotten when it is old enough, besides what the parts above keep."""
    now: Callable[[], float] = time.time
    """The time of day, as Unix time."""
    rng: random.Random = field(default_factory=random.Random)
    """Jitter and tokens."""
