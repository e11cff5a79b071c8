"""`svc migrate`: bring the database to what this code needs, or say what is missing."""

from __future__ import annotations

from svc.operations.printing.long_work import telling
from svc.settings.environment import Settings
from svc.storage.database import Database, open_database
from svc.storage.migrate import MIGRATION_SESSIONS, Migration, migrate, pending_migrations


async def migrate_database(settings: Settings, *, check: bool) -> bool:
    """Apply the migrations that are missing and name them.

    With `check` only name them; then False if there are any. Raises MigrationError, DatabaseUnavailable or
    DatabaseRefused.
    """
    async with open_database(settings.database_url, settings=MIGRATION_SESSIONS) as database:
        found = await (pending_migrations(database) if check else _apply(database))
    for migration in found:
        print(f"{'missing' if check else 'applied'} {migration.name}")
    if not found:
        print("the database is up to date")
    return not (check and found)


async def _apply(database: Database) -> list[Migration]:
    """An index of a large table takes minutes: on a terminal one sees that it goes on."""
    with telling(lambda: "applying the migrations"):
        return await migrate(database)
