"""What is measured every few seconds: each instance as Linux tells of it, and Postgres as it tells of itself."""

from __future__ import annotations

from pathlib import Path

from fleet.promises import rows
from fleet.soak.instances import Instances

MIB = 1024.0 * 1024.0

# Of one's own connection nothing is told.
_POSTGRES = """
SELECT pg_table_size('inbox') / 1048576.0, pg_indexes_size('inbox') / 1048576.0,
       pg_table_size('processed_updates') / 1048576.0, pg_indexes_size('processed_updates') / 1048576.0,
       (SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'inbox'),
       (SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'processed_updates'),
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),
       pg_current_wal_insert_lsn() - '0/0'
"""
_KEYS = (
    "inbox_table",
    "inbox_indexes",
    "processed_table",
    "processed_indexes",
    "dead_inbox",
    "dead_processed",
    "connections",
)


class PostgresMeter:
    """Asks one database. The rate of WAL is that since it was asked before."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._before: tuple[float, float] | None = None

    async def read(self, at: float) -> dict[str, float | None]:
        """What it says at this time (in seconds), by the keys of the series."""
        ((*values, written),) = await rows(self._database_url, _POSTGRES)
        before, self._before = self._before, (at, float(written))
        found: dict[str, float | None] = {key: float(value) for key, value in zip(_KEYS, values, strict=True)}
        if before is not None:
            found["wal"] = (float(written) - before[1]) / MIB / (at - before[0])
        return found


def read_instances(instances: Instances) -> dict[str, float | None]:
    """Memory and descriptors of who leads and of who waits, by the keys of the series; None where nobody does."""
    found: dict[str, float | None] = {}
    for role, instance in {"active": instances.active, "passive": instances.passive}.items():
        memory, descriptors = read_process(instance.service.process.pid) if instance else (None, None)
        found |= {f"memory_{role}": memory, f"descriptors_{role}": descriptors}
    return found


def read_process(pid: int) -> tuple[float, float] | tuple[None, None]:
    """A process's resident memory in MiB and its open descriptors; nothing if it has just ended."""
    folder = Path(f"/proc/{pid}")
    try:
        status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        return int(status["VmRSS"].split()[0]) / 1024, sum(1 for _ in (folder / "fd").iterdir())
    except (OSError, KeyError):  # of one that has ended and was not waited for yet there is a status without memory
        return None, None
