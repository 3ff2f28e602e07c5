"""The schema that the migrations create, and the status of a database."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine

import storage.db.tables  # noqa: F401  # fills it
from storage.db.database import schema, upgrade
from storage.db.engines import open_engine
from storage.db.metadata import metadata
from storage.db.schema import SchemaStatus


def test_the_migrations_create_the_tables_that_the_code_expects(engine: Engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    assert schema(engine).status is SchemaStatus.CURRENT


def test_an_empty_database_is_not_current_and_upgrading_twice_is_harmless(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('db') / 'c.db'}")

    assert schema(engine).status is SchemaStatus.OLDER
    for _ in range(2):
        upgrade(engine)
        assert schema(engine).status is SchemaStatus.CURRENT
    engine.dispose()


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (
            "SELECT seq FROM phase_runs WHERE (state = 'queued' OR state = 'running') "
            "AND lease_until < ? ORDER BY seq LIMIT 1",
            "ix_phase_runs_open",
        ),
        ("SELECT seq FROM checkpoints WHERE state = 'pending' AND deadline <= ?", "_due"),
    ],
)
def test_the_sweeps_use_their_partial_indexes(sqlite: Engine, query: str, index: str) -> None:
    with sqlite.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", ("2026",)).all()
    assert index in str(plan)
