"""The files of the package `migrations`, and which of them a database lacks. Nothing here talks to one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
WITHOUT_TRANSACTION = "-- without a transaction"
# What a semicolon may stand in without ending a statement: text, a name, comments, a body between dollars.
_PIECES = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ | (?P<end>;) | .""",
    re.DOTALL | re.VERBOSE,
)
_COMMENTS = re.compile(r"\s+|--[^\n]*\n?|/\*.*?\*/", re.DOTALL)


class MigrationError(Exception):
    """The schema cannot be brought to what this code needs; the text, one line, says why."""


@dataclass(frozen=True)
class Migration:
    """One file."""

    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """The checksum of its content."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def in_transaction(self) -> bool:
        """Whether it is run as a whole; if not, statement by statement, each of which must be safe to repeat."""
        return self.sql.partition("\n")[0].rstrip() != WITHOUT_TRANSACTION


@dataclass(frozen=True)
class Applied:
    """One row of schema_migrations."""

    version: int
    name: str
    sha256: str


def shipped_migrations() -> list[Migration]:
    """The files of the package `migrations`, in order; raises MigrationError for a name that does not fit."""
    files = [path for path in resources.files("migrations").iterdir() if path.name.endswith(".sql")]
    migrations = []
    for path in sorted(files, key=lambda path: path.name):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name} is not called NNNN_name.sql")
        migrations.append(Migration(int(match[1]), path.name, path.read_text("utf-8")))
    versions = [migration.version for migration in migrations]
    if versions != list(range(1, len(versions) + 1)):
        raise MigrationError(f"the migrations are not numbered 1, 2, 3, ...: {versions}")
    return migrations


def missing(shipped: Sequence[Migration], applied: Sequence[Applied]) -> list[Migration]:
    """What is still to be applied. Raises MigrationError if the database is newer or a file was changed."""
    if len(applied) > len(shipped):
        newest = applied[-1].name
        raise MigrationError(f"the database is newer than this program: it has {newest}, which is not known here")
    for migration, row in zip(shipped, applied, strict=False):
        if (migration.version, migration.sha256) != (row.version, row.sha256):
            raise MigrationError(f"{migration.name} was changed after it was applied: add a new file instead")
    return list(shipped[len(applied) :])


def statements_of(sql: str) -> list[str]:
    """The statements of a file, without what is only comment."""
    statements = [""]
    for piece in _PIECES.finditer(sql):
        if piece["end"]:
            statements.append("")
        else:
            statements[-1] += piece[0]
    return [statement.strip() for statement in statements if _COMMENTS.sub("", statement)]
