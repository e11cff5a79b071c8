-- What is owed and what has been done. Every key starts with bot_id: update_id is unique per bot only.

CREATE TABLE inbox (
    bot_id       bigint      NOT NULL,
    update_id    bigint      NOT NULL,
    -- The key of the order: the chat, or the user where an update has no chat, or 0.
    chat_id      bigint      NOT NULL,
    update_type  text        NOT NULL,
    -- The body as it came. Not jsonb: JSON from Telegram may hold \u0000 and lone surrogates, which jsonb refuses.
    payload      bytea       NOT NULL,
    received_at  timestamptz NOT NULL DEFAULT now(),
    received_by  text        NOT NULL,
    state        text        NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'processing', 'in_doubt')),
    -- The term and the attempt that began it.
    epoch        bigint,
    token        bigint,
    attempts     integer     NOT NULL DEFAULT 0,
    -- How many of its sends may or may not have reached Telegram.
    doubts       integer     NOT NULL DEFAULT 0,
    started_at   timestamptz,
    available_at timestamptz NOT NULL DEFAULT now(),
    last_error   text,
    -- Its life after it was received: attempts with their calls, doubts, replays. Bounded by the statements.
    history      jsonb       NOT NULL DEFAULT '[]',
    PRIMARY KEY (bot_id, update_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

-- The order within a chat. No indexed column is ever changed by begin or retry, so those updates stay HOT.
CREATE INDEX inbox_chat_order ON inbox (bot_id, chat_id, update_id);

CREATE TABLE processed_updates (
    bot_id             bigint      NOT NULL,
    update_id          bigint      NOT NULL,
    processed_at       timestamptz NOT NULL DEFAULT now(),
    worker_instance_id text        NOT NULL,
    update_type        text        NOT NULL,
    received_at        timestamptz NOT NULL,
    outcome            text        NOT NULL,
    attempts           integer     NOT NULL DEFAULT 0,
    doubts             integer     NOT NULL DEFAULT 0,
    chat_id            bigint      NOT NULL,
    received_by        text        NOT NULL,
    history            jsonb       NOT NULL DEFAULT '[]',
    PRIMARY KEY (bot_id, update_id)
);

CREATE INDEX idx_processed_updates_processed_at ON processed_updates (processed_at);

CREATE TABLE dead_updates (
    bot_id      bigint      NOT NULL,
    update_id   bigint      NOT NULL,
    chat_id     bigint      NOT NULL,
    update_type text        NOT NULL,
    payload     bytea       NOT NULL,
    received_at timestamptz NOT NULL,
    received_by text        NOT NULL,
    attempts    integer     NOT NULL,
    doubts      integer     NOT NULL DEFAULT 0,
    reason      text        NOT NULL,
    died_at     timestamptz NOT NULL DEFAULT now(),
    history     jsonb       NOT NULL DEFAULT '[]',
    PRIMARY KEY (bot_id, update_id)
);
