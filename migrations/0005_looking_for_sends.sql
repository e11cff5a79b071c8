-- A send in doubt is looked for before anything is sent again, and every instance says that it lives.

ALTER TABLE inbox
    -- The id of the message that the update brought, if it brought one.
    ADD COLUMN message_id   bigint,
    -- The greatest message id known before the send in doubt; null if it cannot be looked for.
    ADD COLUMN watermark    bigint,
    -- What was sent is an apology: the update is dead for this reason once it is known to be sent.
    ADD COLUMN dead_if_sent text,
    -- Looks begun; how many in turn found nothing; how often it was sent again because of that.
    ADD COLUMN looks        integer NOT NULL DEFAULT 0,
    ADD COLUMN absent       integer NOT NULL DEFAULT 0,
    ADD COLUMN resends      integer NOT NULL DEFAULT 0,
    -- When the next look is due; after the last that was needed, until when it may begin again.
    ADD COLUMN look_at      timestamptz;

ALTER TABLE processed_updates
    ADD COLUMN message_id bigint,
    -- The id of the message that was sent for it.
    ADD COLUMN sent_id    bigint;

-- One row for each process that has lived lately, written by itself about once a second.
CREATE TABLE instances (
    bot_id      bigint      NOT NULL,
    -- Random: an operator may have given several processes the same label.
    process_id  uuid        NOT NULL DEFAULT gen_random_uuid(),
    instance_id text        NOT NULL,
    state       text        NOT NULL,
    -- Since when it is in this state.
    state_at    timestamptz NOT NULL DEFAULT now(),
    -- The latest terms that it has led since its start.
    epochs      bigint[]    NOT NULL DEFAULT '{}',
    started_at  timestamptz NOT NULL DEFAULT now(),
    seen_at     timestamptz NOT NULL DEFAULT now(),
    -- Whether it gets through to the Bot API, null while it does not know; why not; when it last found out.
    reaches     boolean,
    reach_error text,
    reach_at    timestamptz,
    PRIMARY KEY (bot_id, process_id)
) WITH (fillfactor = 50);
