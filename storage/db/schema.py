"""The schema of a database, and whether this version can work with it.

Old and new processes run side by side during an upgrade, so migrations only add: new tables, and
columns that are nullable or have a server default. A process ignores what it does not know. The
name of a revision shows its series: 0005 follows 0004. A revision that older versions cannot work
with starts a new series, 2.0005: they refuse to run on it, and must be stopped for the upgrade.
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
    OLDER = auto()  # or there is none: it must be migrated
    NEWER = auto()  # of a newer version, but compatible
    INCOMPATIBLE = auto()  # of a newer series, or unknown: incompatible


@dataclass(frozen=True, slots=True)
class Schema:
    """`revision` is the database's, None if it has none; `known` is this version's newest."""

    status: SchemaStatus
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
        status = SchemaStatus.CURRENT
    elif revision is None or revision in ours:
        status = SchemaStatus.OLDER
    elif _series(revision) == _series(head) and revision > head:
        status = SchemaStatus.NEWER
    else:
        status = SchemaStatus.INCOMPATIBLE
    return Schema(status, revision, head)


def _series(revision: str) -> tuple[str, bool]:
    series, _, number = revision.rpartition(".")
    return series, number.isdecimal()
