"""What the peers in Python have in common: their table of seen updates, their menu, and their log.

Settings come from the environment, with the names that the service uses.
"""

from __future__ import annotations

import logging
import os
import sys

import asyncpg

TABLE = """
create table if not exists processed_updates (
    update_id bigint primary key,
    update_type text not null,
    processed_at timestamptz not null default now()
)
"""
REMEMBER = """
insert into processed_updates (update_id, update_type) values ($1, $2)
on conflict do nothing returning update_id
"""
ITEMS = ("Chat", "Pictures", "Video", "Music", "Models", "Profile", "Language", "Help")
ROWS = [ITEMS[first : first + 2] for first in range(0, len(ITEMS), 2)]


def greeting(name: str) -> str:
    """What is said above the menu."""
    return f"Hello, {name}! What shall we do?"


async def open_pool() -> asyncpg.Pool:
    """Connections to a database that has the table."""
    pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=10, max_size=20)
    await pool.execute(TABLE)
    return pool


async def first_seen(pool: asyncpg.Pool, update_id: int, update_type: str) -> bool:
    """Write the update's id down; whether it was not there yet."""
    return await pool.fetchval(REMEMBER, update_id, update_type) is not None


def log_to_stdout() -> None:
    """At LOG_LEVEL."""
    logging.basicConfig(level=os.environ.get("LOG_LEVEL", "info").upper(), stream=sys.stdout)
