"""The history of an update, as SQL: an array of entries that never grows long."""

from __future__ import annotations

ENTRIES = 40


def with_entry(history: str, entry: str) -> str:
    """The SQL expression for `history` and one more `entry`, both SQL expressions of type jsonb.

    Of one that has become long the first entry and the latest stay: they say most.
    """
    return (
        f"(CASE WHEN jsonb_array_length({history}) < {ENTRIES} THEN {history}"
        f" ELSE jsonb_path_query_array({history}, '$[0, last - {ENTRIES - 3} to last]') END || {entry})"
    )
