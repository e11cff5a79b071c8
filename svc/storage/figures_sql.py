"""The statements about the table figures. $1 is the bot's id."""

from __future__ import annotations

COUNTS = ("accepted", "duplicates", "not_stored", "done", "refused", "ignored", "retried", "dead", "found", "in_doubt")
ANSWERS = ("ok", "refused", "not_sent", "flood", "in_doubt")

# $2 the instance, $3 the JSON. The setting holds for this statement's own commit, which then waits for no disk.
WRITE = """
WITH lazily AS (SELECT set_config('synchronous_commit', 'off', true))
INSERT INTO figures (bot_id, instance_id, figures) SELECT $1, $2, $3::jsonb FROM lazily
"""

PRUNE = """
DELETE FROM figures WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM figures WHERE bot_id = $1 AND at < now() - make_interval(secs => $2) ORDER BY at LIMIT $3
)) RETURNING 1
"""

_SUMS = ",\n       ".join(
    [f"sum((figures -> 'counts' ->> '{name}')::bigint)::bigint AS {name}" for name in COUNTS]
    + [f"sum((figures -> 'answers' ->> '{name}')::bigint)::bigint AS answers_{name}" for name in ANSWERS]
)

# How many in each slot between two bounds, as a JSON array of triples; below the first bound, and above the last, is
# null. Where nothing is it is left out: most often that is nearly everywhere.
_HISTOGRAM = """(
    SELECT slot, jsonb_agg(jsonb_build_array(below, bound, count)) AS triples FROM (
        SELECT slot, CASE WHEN number > 1 THEN figures -> '{name}' -> 'le' -> (number - 2)::int END AS below,
               figures -> '{name}' -> 'le' -> (number - 1)::int AS bound, sum(count::bigint)::bigint AS count
        FROM recent, jsonb_array_elements_text(figures -> '{name}' -> 'n') WITH ORDINALITY AS each (count, number)
        WHERE count <> '0' GROUP BY 1, 2, 3
    ) AS bounds GROUP BY slot
)"""
_LATEST = """(
    SELECT DISTINCT ON (slot) slot, figures -> '{name}' AS value FROM recent
    WHERE jsonb_typeof(figures -> '{name}') = 'object' ORDER BY slot, at DESC
)"""

# $2 how many seconds back, $3 the slots' length.
SLOTS = f"""
WITH recent AS MATERIALIZED (
    SELECT floor(extract(epoch FROM at) / $3::float8) AS slot, at, figures FROM figures
    WHERE bot_id = $1 AND at > now() - make_interval(secs => $2)
), sums AS (
    SELECT slot,
       {_SUMS},
       sum((figures -> 'flood' ->> 'pauses')::bigint)::bigint AS flood_pauses,
       sum((figures -> 'flood' ->> 'seconds')::float8) AS flood_seconds
    FROM recent GROUP BY slot
), ack AS {_HISTOGRAM.format(name="ack")}, menu AS {_HISTOGRAM.format(name="menu")},
readings AS {_LATEST.format(name="readings")}, telegram AS {_LATEST.format(name="telegram")}
SELECT to_timestamp(sums.slot * $3::float8) AS at, sums.*, ack.triples AS ack, menu.triples AS menu,
       readings.value AS readings, telegram.value AS telegram
FROM sums LEFT JOIN ack USING (slot) LEFT JOIN menu USING (slot)
     LEFT JOIN readings USING (slot) LEFT JOIN telegram USING (slot)
"""
