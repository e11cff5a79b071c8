"""The rows of a database that has been at this rate for two days: pruning has its work from the first minute on.

An update is remembered for 48 hours, and may not be for less than 24, since Telegram may deliver it again for so long.
So a soak begins with the updates that turn 48 hours old while it runs, as many a second as come in. Those in between,
fifty million of them, are left out: what they cost is `make bench-scale`'s to say.
"""

from __future__ import annotations

import time

from fleet.promises import rows
from sandbox.telegram import DEMO_TOKEN

KEPT_HOURS = 48
ROWS_A_COMMIT = 100_000
AFTER = 120.0
"""Seconds after the end of the load for which there are rows as well."""

# Like the rows of what people do here: two of three were answered with a message, the third was a press.
_FILL = """
INSERT INTO processed_updates
    (bot_id, update_id, processed_at, worker_instance_id, update_type, received_at, outcome, attempts, chat_id,
     received_by, history, message_id, sent_id)
SELECT {bot_id}, id, at, 'vm-10000-abcdef', CASE WHEN sent THEN 'message' ELSE 'callback_query' END,
       at - interval '30.123 ms', 'done', 1, 1000000000 + id, 'vm-10001-abcdef',
       jsonb_build_array(jsonb_build_object(
           'at', at, 'began', at - interval '25.123 ms', 'epoch', 1, 'event', 'done', 'instance', 'vm-10000-abcdef',
           'calls', CASE WHEN sent THEN sending ELSE pressing END)),
       CASE WHEN sent THEN 2 * id - 1 END, CASE WHEN sent THEN 2 * id END
FROM (SELECT id, id % 3 > 0 AS sent, to_timestamp({began} + id / {rate}::float8) AS at,
             jsonb_build_array(jsonb_build_object(
                 'ms', 21.7, 'method', 'sendMessage', 'outcome', 'ok', 'message_id', 2 * id)) AS sending,
             jsonb_build_array(
                 jsonb_build_object('ms', 21.7, 'method', 'editMessageText', 'outcome', 'ok'),
                 jsonb_build_object('ms', 21.7, 'method', 'answerCallbackQuery', 'outcome', 'ok')) AS pressing
      FROM generate_series({first}, {last}) AS id) AS made
"""


async def add_old_rows(database_url: str, rate: float, seconds: float) -> int:
    """Add the rows that become too old during `seconds` from now on, `rate` of them a second; how many.

    The tables are there already. Takes about a minute for each million.
    """
    count = round(rate * (seconds + AFTER))
    bot_id, began = int(DEMO_TOKEN.partition(":")[0]), time.time() - KEPT_HOURS * 3600
    for first in range(1, count + 1, ROWS_A_COMMIT):
        last = min(count, first + ROWS_A_COMMIT - 1)
        await rows(database_url, _FILL.format(bot_id=bot_id, began=began, rate=rate, first=first, last=last))
    await rows(database_url, "VACUUM (ANALYZE) processed_updates")
    await rows(database_url, "CHECKPOINT")
    return count
