-- What operators order, and what they have done; what each instance says of itself for the ops page.

-- What must not be sent or created for now: all sending, or what goes to one provider, or is made by one model.
CREATE TABLE pauses (
    bot_id    bigint      NOT NULL,
    scope     text        NOT NULL CHECK (scope IN ('sending', 'provider', 'model')),
    -- Of the provider or the model; empty for all sending.
    name      text        NOT NULL DEFAULT '',
    reason    text        NOT NULL,
    paused_by text        NOT NULL,
    paused_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (bot_id, scope, name)
);

ALTER TABLE leadership
    -- The term that an operator wants to end, and who wants it. A later term is none of its business.
    ADD COLUMN step_down_epoch bigint,
    ADD COLUMN step_down_by    text,
    -- Who has paused all sending, while the leader obeys that; paused_reason is why nothing is sent, whoever's doing it is.
    ADD COLUMN paused_by       text;

ALTER TABLE state_transitions
    -- Of a step to ACTIVE: when the leader of the term before was last heard of. One that is killed writes no end.
    ADD COLUMN former_seen_at timestamptz;

CREATE TABLE operator_actions (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bot_id     bigint      NOT NULL,
    at         timestamptz NOT NULL DEFAULT now(),
    -- Who: a name and where it came from, as far as that is known.
    operator   text        NOT NULL,
    via        text        NOT NULL CHECK (via IN ('command', 'page')),
    action     text        NOT NULL,
    detail     jsonb       NOT NULL DEFAULT '{}',
    -- What came of it; null while it goes on, and for ever if whoever did it was stopped half-way.
    outcome    text,
    ended_at   timestamptz
);
CREATE INDEX operator_actions_at ON operator_actions (bot_id, at DESC, id DESC);

-- What an instance has counted and measured in the seconds before `at`: a row every ten seconds, kept for two days.
CREATE TABLE figures (
    bot_id      bigint      NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    instance_id text        NOT NULL,
    figures     jsonb       NOT NULL
);
CREATE INDEX figures_at ON figures (bot_id, at);

-- What people have written, for as long as KEEP_PAYLOADS says, with what it was decided by.
CREATE TABLE kept_payloads (
    bot_id      bigint      NOT NULL,
    update_id   bigint      NOT NULL,
    chat_id     bigint      NOT NULL,
    payload     bytea       NOT NULL,
    -- The chat's state before it was answered; null: it had none.
    state       jsonb,
    received_at timestamptz NOT NULL,
    decided_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (bot_id, update_id)
);
CREATE INDEX kept_payloads_decided_at ON kept_payloads (bot_id, decided_at);
