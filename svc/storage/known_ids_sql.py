"""The statement that says which message ids are known above a watermark, and whether all of ours are among them.

It reads what was processed last, from the latest on, and what waits behind the update: by indexes, and no more than so
many rows of each.
"""

from __future__ import annotations

MOST_ROWS = 5000

# $1 is the bot, $2 the update, $3 its chat, $4 the watermark, $5 and $6 the lowest and the highest chat of the
# sequence, $7 how many rows. One row comes back.
#
# Ids of other chats only save probes. Of the chat itself every message of ours has to be known, or it would be taken
# for the one that is looked for. So there the whole history is read, with every call of every attempt; that of the
# update too, which may have been sent before it was replayed.
#
# `complete`: none of ours in this chat is older than what was read and yet above the watermark. It is so
# - if everything was read; or
# - if the update brought its message after the oldest row that was read, since the watermark is not below that message;
# - or if something was read that was sent below the watermark: what was sent before it is lower still.
# The ten seconds are for what was on its way meanwhile.
#
# `untold`: of an earlier send to this chat it could not be told whether it arrived; its message would be taken for this
# one. It may wait to be sent again, behind the end of a job: then it is one of the chat's first.
# `in_doubt`: other sends that may each have taken an id that nobody knows.
KNOWN_IDS = """
WITH due AS MATERIALIZED (
    SELECT message_id, received_at, history FROM inbox WHERE bot_id = $1 AND update_id = $2
), latest AS MATERIALIZED (
    SELECT chat_id, message_id, sent_id, processed_at, CASE chat_id WHEN $3 THEN history END AS history,
           chat_id = $3 AND doubts > 0 AS untold,
           chat_id BETWEEN $5 AND $6 AS of_sequence
    FROM processed_updates WHERE bot_id = $1 ORDER BY processed_at DESC LIMIT $7
), waiting AS MATERIALIZED (
    SELECT chat_id, message_id FROM inbox WHERE bot_id = $1 AND update_id > $2 ORDER BY update_id LIMIT $7
), known AS (
    SELECT message_id AS id FROM waiting WHERE chat_id BETWEEN $5 AND $6
    UNION ALL SELECT message_id FROM latest WHERE of_sequence
    UNION ALL SELECT sent_id FROM latest WHERE of_sequence
    UNION ALL SELECT jsonb_path_query(history, '$.**.message_id ? (@.type() == "number")')::bigint
              FROM (SELECT history FROM due UNION ALL SELECT history FROM latest WHERE history IS NOT NULL) AS of_chat
), reached AS (
    SELECT count(*) AS rows, min(processed_at) + interval '10 seconds' AS from_time FROM latest
)
SELECT ARRAY(SELECT DISTINCT id FROM known WHERE id > $4) AS ids,
       coalesce(
           (SELECT ARRAY[chat_id, sent_id] FROM latest WHERE sent_id IS NOT NULL AND chat_id = $3
            ORDER BY processed_at DESC LIMIT 1),
           (SELECT ARRAY[chat_id, sent_id] FROM latest WHERE sent_id IS NOT NULL AND chat_id > 0
            ORDER BY processed_at DESC LIMIT 1)) AS own,
       rows < $7
           OR EXISTS (SELECT FROM due WHERE message_id <= $4 AND received_at >= from_time)
           OR EXISTS (SELECT FROM latest WHERE of_sequence AND sent_id <= $4 AND processed_at >= from_time) AS complete,
       EXISTS (SELECT FROM latest WHERE untold)
           OR EXISTS (SELECT FROM (SELECT doubts FROM inbox WHERE bot_id = $1 AND chat_id = $3 AND update_id <> $2
                                   ORDER BY update_id LIMIT 16) AS first WHERE doubts > 0) AS untold,
       (SELECT count(*)::int FROM inbox WHERE bot_id = $1 AND state <> 'pending' AND update_id <> $2
           AND (state = 'in_doubt' OR epoch < (SELECT epoch FROM leadership WHERE bot_id = $1))) AS in_doubt
FROM reached
"""
