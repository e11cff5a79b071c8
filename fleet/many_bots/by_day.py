"""`processed_updates` in partitions by day: the statements of docs/scaling.md, for a database that has been migrated.

A partitioned table can have no primary key without the column that it is partitioned by, and (bot_id, update_id,
processed_at) would refuse nothing. So each day has the primary key (bot_id, update_id) for itself, and a trigger looks
at the other days. That suffices: whoever inserts a row has deleted the update's row from the inbox in the same
transaction, so of two who would insert the same update the second waits for the first's commit, and sees it.
"""

from __future__ import annotations

from datetime import date, timedelta

CONVERT = """\
BEGIN;
SET LOCAL lock_timeout = '2s';
ALTER TABLE processed_updates RENAME TO processed_updates_before;
ALTER INDEX idx_processed_updates_processed_at RENAME TO processed_updates_before_processed_at;
ALTER INDEX processed_updates_chat RENAME TO processed_updates_before_chat;
CREATE TABLE processed_updates (LIKE processed_updates_before INCLUDING DEFAULTS) PARTITION BY RANGE (processed_at);
CREATE INDEX idx_processed_updates_processed_at ON processed_updates (bot_id, processed_at);
CREATE INDEX processed_updates_chat ON processed_updates (bot_id, chat_id, update_id);
ALTER TABLE processed_updates ATTACH PARTITION processed_updates_before
    FOR VALUES FROM (MINVALUE) TO ('{first} 00:00Z');
CREATE FUNCTION processed_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM processed_updates WHERE bot_id = NEW.bot_id AND update_id = NEW.update_id) THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER processed_once BEFORE INSERT ON processed_updates FOR EACH ROW EXECUTE FUNCTION processed_once();
COMMIT;
"""

NEW_DAY = """\
CREATE TABLE processed_updates_{name} (LIKE processed_updates INCLUDING DEFAULTS, PRIMARY KEY (bot_id, update_id));
ALTER TABLE processed_updates ATTACH PARTITION processed_updates_{name}
    FOR VALUES FROM ('{day} 00:00Z') TO ('{next} 00:00Z');
"""

OLD_DAY = """\
ALTER TABLE processed_updates DETACH PARTITION processed_updates_{name} CONCURRENTLY;
DROP TABLE processed_updates_{name};
"""


def convert(first: date) -> str:
    """Makes the table a partitioned one: what is in it is the partition of all days before `first`, as it is."""
    return CONVERT.format(first=first)


def new_day(day: date) -> str:
    """Makes the partition of one day."""
    return NEW_DAY.format(name=_name(day), day=day, next=day + timedelta(days=1))


def old_day(day: date) -> str:
    """Forgets one day; each statement is a transaction of its own."""
    return OLD_DAY.format(name=_name(day))


def _name(day: date) -> str:
    return f"{day:%Y%m%d}"
