-- without a transaction

-- What is in flight or in doubt: a few rows, found at once among millions that wait.
DROP INDEX CONCURRENTLY IF EXISTS inbox_begun;
CREATE INDEX CONCURRENTLY inbox_begun ON inbox (bot_id, update_id) WHERE state <> 'pending';

-- What is old enough to be forgotten, by bot.
DROP INDEX CONCURRENTLY IF EXISTS processed_updates_age;
CREATE INDEX CONCURRENTLY processed_updates_age ON processed_updates (bot_id, processed_at);
DROP INDEX CONCURRENTLY IF EXISTS idx_processed_updates_processed_at;
ALTER INDEX processed_updates_age RENAME TO idx_processed_updates_processed_at;

DROP INDEX CONCURRENTLY IF EXISTS dead_updates_died_at;
CREATE INDEX CONCURRENTLY dead_updates_died_at ON dead_updates (bot_id, died_at);
