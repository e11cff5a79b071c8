-- Who leads, and who was in which state when.

CREATE TABLE leadership (
    bot_id      bigint      PRIMARY KEY,
    -- One more with every term, also with one that the same process wins again.
    epoch       bigint      NOT NULL,
    -- The term's holder: random, so a restarted process is never taken for its predecessor.
    holder      uuid        NOT NULL,
    instance_id text        NOT NULL,
    acquired_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE state_transitions (
    id          bigint           GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bot_id      bigint           NOT NULL,
    instance_id text             NOT NULL,
    from_state  text             NOT NULL,
    to_state    text             NOT NULL,
    trigger     text             NOT NULL,
    reason      text             NOT NULL,
    epoch       bigint,
    at          timestamptz      NOT NULL,
    -- How long the state that ended had lasted, in seconds.
    held        double precision NOT NULL
);

CREATE INDEX state_transitions_at ON state_transitions (bot_id, at);
