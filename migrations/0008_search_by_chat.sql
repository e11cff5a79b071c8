-- without a transaction

-- What was done for a chat, the latest first, for the search of the ops page and `svc updates list --chat`.
DROP INDEX CONCURRENTLY IF EXISTS processed_updates_chat;
CREATE INDEX CONCURRENTLY processed_updates_chat ON processed_updates (bot_id, chat_id, update_id);
DROP INDEX CONCURRENTLY IF EXISTS dead_updates_chat;
CREATE INDEX CONCURRENTLY dead_updates_chat ON dead_updates (bot_id, chat_id, update_id);
