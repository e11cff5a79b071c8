-- An update that is processing under an older epoch is in doubt by that: taking over touches one row, whatever waits.

ALTER TABLE inbox
    -- Whether every call of its latest attempt may be made twice without harm.
    ADD COLUMN repeatable boolean     NOT NULL DEFAULT false,
    -- From when its age counts: its arrival, or its latest replay.
    ADD COLUMN aged_from  timestamptz NOT NULL DEFAULT now(),
    -- When its latest attempt was put off. A clock that is before this has been set back: then the update is due.
    ADD COLUMN retried_at timestamptz,
    -- How many leaders have ended while its handler was being called.
    ADD COLUMN blamed     integer     NOT NULL DEFAULT 0;

ALTER TABLE leadership
    -- Why nothing is sent at the moment, if so, and since when.
    ADD COLUMN paused_reason text,
    ADD COLUMN paused_at     timestamptz;

-- The update whose handler is being called, where that may be one that a former leader did not survive. A table of its
-- own: `begin` holds a lock on the leadership row.
CREATE TABLE deciding (
    bot_id    bigint PRIMARY KEY,
    epoch     bigint NOT NULL,
    update_id bigint
);

-- Pruned rows stand at the old end of the index until it is vacuumed, and each batch passes them.
ALTER TABLE processed_updates SET (autovacuum_vacuum_scale_factor = 0.05);
