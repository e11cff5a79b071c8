-- What is remembered of a chat, and work that takes minutes.

ALTER TABLE inbox
    -- What the update changes besides being answered, once it is done: the chat's state, a job (svc/storage/effects.py).
    ADD COLUMN effects jsonb;

CREATE TABLE chats (
    bot_id     bigint      NOT NULL,
    chat_id    bigint      NOT NULL,
    -- The bot's own: the service only keeps it.
    state      jsonb       NOT NULL,
    -- One more with every change, so that nobody decides by an old one.
    version    bigint      NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (bot_id, chat_id)
) WITH (fillfactor = 80);

CREATE TABLE jobs (
    bot_id            bigint      NOT NULL,
    -- The update that asked for it. The end is told by the inbox row with the same number below zero.
    job_id            bigint      NOT NULL CHECK (job_id > 0),
    chat_id           bigint      NOT NULL,
    user_id           bigint      NOT NULL,
    provider          text        NOT NULL,
    model             text        NOT NULL,
    input             jsonb       NOT NULL,
    context           jsonb       NOT NULL DEFAULT '{}',
    state             text        NOT NULL DEFAULT 'wanted' CHECK (state IN
                          ('wanted', 'submitting', 'running', 'ready', 'delivered', 'failed', 'cancelled', 'unknown')),
    -- What the provider's callback has to know.
    secret            text        NOT NULL,
    status_message_id bigint,
    created_at        timestamptz NOT NULL DEFAULT now(),
    deadline_at       timestamptz NOT NULL,
    -- When the ACTIVE instance looks at it next.
    due_at            timestamptz NOT NULL DEFAULT now(),
    -- The term and the create that handed it in.
    epoch             bigint,
    token             bigint,
    attempts          integer     NOT NULL DEFAULT 0,
    submitted_at      timestamptz,
    -- The provider's name for it, and the one that a callback has told.
    task_id           text,
    hint              text,
    -- Whether a callback has come since it was last looked at: then it is not put off.
    called            boolean     NOT NULL DEFAULT false,
    polls             integer     NOT NULL DEFAULT 0,
    progress          double precision,
    ready_at          timestamptz,
    ended_at          timestamptz,
    results           jsonb       NOT NULL DEFAULT '[]',
    error             text,
    error_text        text,
    sent_id           bigint,
    file_id           text,
    file_kind         text,
    -- Its life, for `svc jobs show`. Bounded by the statements.
    history           jsonb       NOT NULL DEFAULT '[]',
    PRIMARY KEY (bot_id, job_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX jobs_due ON jobs (bot_id, due_at) WHERE state IN ('wanted', 'submitting', 'running');
-- The same by their ids, as their progress is shown.
CREATE INDEX jobs_live ON jobs (bot_id, job_id) WHERE state IN ('wanted', 'submitting', 'running');
-- What the provider has, or may have: a few rows, however many wait.
CREATE INDEX jobs_running ON jobs (bot_id) WHERE state IN ('submitting', 'running');
CREATE INDEX jobs_of_chat ON jobs (bot_id, chat_id, job_id DESC);
CREATE INDEX jobs_ended ON jobs (bot_id, ended_at) WHERE state IN ('delivered', 'failed', 'cancelled', 'unknown');
