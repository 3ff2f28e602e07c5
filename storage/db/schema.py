"""Which schema a database has, as this program sees it.

Old and new processes run side by side during an upgrade, so migrations only add: new tables, and
columns that are nullable or have a default of the server's. What a program does not know it leaves
alone. A revision's name tells: after 0004 comes 0005. One that older programs cannot stand begins
a new series, 2.0005: they refuse to run on it, and the upgrade needs them stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Final

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

MIGRATIONS: Final = Path(__file__).parent / "migrations"


class SchemaStatus(Enum):
    CURRENT = auto()
    OLDER = auto()  # or none: to be migrated
    NEWER = auto()  # of a newer program, and good for this one
    STRANGE = auto()  # of a newer program that left this one behind, or of nobody we know


@dataclass(frozen=True, slots=True)
class Schema:
    """`revision`: the database's, None where there is none. `known`: this program's newest."""

    standing: SchemaStatus
    revision: str | None
    known: str


def configuration(folder: Path = MIGRATIONS) -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder))
    return config


def schema_of(connection: Connection) -> Schema:
    scripts = ScriptDirectory.from_config(configuration())
    head = scripts.get_current_head()
    if head is None:
        raise ValueError("there are no migrations")
    revision = MigrationContext.configure(connection).get_current_revision()
    ours = {script.revision for script in scripts.walk_revisions()}
    if revision == head:
        standing = SchemaStatus.CURRENT
    elif revision is None or revision in ours:
        standing = SchemaStatus.OLDER
    elif _series(revision) == _series(head) and revision > head:
        standing = SchemaStatus.NEWER
    else:
        standing = SchemaStatus.STRANGE
    return Schema(standing, revision, head)


def _series(revision: str) -> tuple[str, bool]:
    series, _, number = revision.rpartition(".")
    return series, number.isdecimal()
