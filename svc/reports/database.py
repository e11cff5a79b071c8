"""How the database is: its version, size and sessions, and how large the service's tables are."""

from __future__ import annotations

from typing import Any

from svc.storage.database import Database

# One statement. Sizes are asked of the file system: a look every ten seconds is enough.
FACTS = """
SELECT current_setting('server_version') AS version,
       pg_database_size(current_database())::bigint AS size_bytes,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::int AS sessions,
       current_setting('max_connections')::int AS max_sessions,
       (SELECT extract(epoch FROM now() - min(xact_start))::float8 FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()) AS oldest_transaction_seconds,
       ARRAY(SELECT relname::text FROM pg_class WHERE relname = ANY ($1::text[]) AND pg_table_is_visible(oid)
             ORDER BY relname) AS names,
       ARRAY(SELECT pg_total_relation_size(oid) FROM pg_class
             WHERE relname = ANY ($1::text[]) AND pg_table_is_visible(oid) ORDER BY relname) AS sizes
"""
TABLES = (
    "chats",
    "dead_updates",
    "figures",
    "inbox",
    "instances",
    "jobs",
    "kept_payloads",
    "operator_actions",
    "processed_updates",
    "state_transitions",
)


async def database_facts(database: Database) -> dict[str, Any]:
    """Version, bytes, sessions of the whole server and how many it lets in, the age of the oldest transaction, and the
    bytes of each table with its indexes.
    """
    (row,) = await database.fetch(FACTS, list(TABLES))
    names = ("version", "size_bytes", "sessions", "max_sessions", "oldest_transaction_seconds")
    return {name: row[name] for name in names} | {"tables": dict(zip(row["names"], row["sizes"], strict=True))}
