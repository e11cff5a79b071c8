"""The array types that our statements use, told to asyncpg, which otherwise asks the server about them.

It does so on each new connection, at the first statement that has one: four round trips, of which one is a query that
keeps the server busy for milliseconds. An update that comes to a new instance waits for that, and so does a takeover.
What is told is the same on every server: the object identifiers of built-in types never change
(https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat).
"""

from __future__ import annotations

from typing import Any

_ELEMENTS = {
    "bool": (1000, 16),
    "bytea": (1001, 17),
    "int4": (1007, 23),
    "int8": (1016, 20),
    "float8": (1022, 701),
    "timestamptz": (1185, 1184),
}
"""The identifiers of the array type and of its element's, by the element's name. Of text[] asyncpg knows."""

_NEITHER = ("basetype", "range_subtype", "attrtypoids", "attrnames")
_TYPES = [
    {"oid": array, "ns": "pg_catalog", "name": f"_{name}", "kind": b"b", "elemtype": element, "elemdelim": ","}
    | dict.fromkeys(_NEITHER)
    for name, (array, element) in _ELEMENTS.items()
]
"""As asyncpg's own question would be answered."""


def know_array_types(connection: Any) -> None:
    """Tell an asyncpg connection of them. There is no public way; a type that is missing here is asked for."""
    connection._protocol.get_settings().register_data_types(_TYPES)
