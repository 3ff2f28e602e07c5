"""The pure part: transitions, boundaries, and the schema that the migrations make."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, text

from storage.boundaries import BadBoundary, checkpoint_after, resolve
from storage.db.database import schema, upgrade
from storage.db.engines import open_engine
from storage.db.schema import SchemaStatus
from storage.db.tables import metadata
from storage.definitions import CheckpointDefinition
from storage.states import (
    CHECKPOINT_TRANSITIONS,
    ENDED,
    EXECUTION_TRANSITIONS,
    CheckpointEvent,
    CheckpointState,
    ExecutionEvent,
    ExecutionState,
    IllegalTransition,
    next_checkpoint,
    next_execution,
)
from tests.support.factories import rule


def test_nothing_leaves_an_ended_execution_and_every_other_state_can_be_cancelled() -> None:
    for state in ExecutionState:
        for event in ExecutionEvent:
            if state in ENDED:
                with pytest.raises(IllegalTransition):
                    next_execution(state, event)
        if state not in ENDED:
            assert next_execution(state, ExecutionEvent.CANCEL) is ExecutionState.CANCELLED


def test_every_state_is_reached_and_a_checkpoint_is_decided_once() -> None:
    assert set(EXECUTION_TRANSITIONS.values()) | {ExecutionState.PENDING} == set(ExecutionState)
    assert set(CHECKPOINT_TRANSITIONS.values()) | {CheckpointState.PENDING} == set(CheckpointState)
    for state in set(CheckpointState) - {CheckpointState.PENDING}:
        for event in CheckpointEvent:
            with pytest.raises(IllegalTransition):
                next_checkpoint(state, event)


def at(name: str, **where: str) -> CheckpointDefinition:
    return CheckpointDefinition(name, rule(), **where)


def test_before_a_phase_is_after_the_one_before_it() -> None:
    phases = ("planning", "analysis", "finalization")
    checkpoints = (at("c", before="finalization"), at("a", after="planning"))

    assert [(c.name, c.after, c.before) for c in resolve(checkpoints, phases)] == [
        ("a", "planning", None),
        ("c", "analysis", None),
    ]
    found = checkpoint_after(checkpoints, phases, 1)
    assert found is not None
    assert found.name == "c"
    assert checkpoint_after(checkpoints, phases, 2) is None


@pytest.mark.parametrize(
    ("checkpoints", "words"),
    [
        ((at("a", after="lunch"),), "lunch"),
        ((at("a", before="one"),), "first phase"),
        ((at("a", after="one"), at("b", before="two")), "one boundary"),
    ],
)
def test_boundaries_that_cannot_be_are_refused_in_words(
    checkpoints: tuple[CheckpointDefinition, ...], words: str
) -> None:
    with pytest.raises(BadBoundary, match=words):
        resolve(checkpoints, ("one", "two"))


def test_the_migrations_make_the_tables_that_the_code_expects(engine: Engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    assert schema(engine).standing is SchemaStatus.CURRENT


def test_an_empty_database_is_not_current_and_upgrading_twice_is_harmless(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('db') / 'c.db'}")

    assert schema(engine).standing is SchemaStatus.OLDER
    for _ in range(2):
        upgrade(engine)
        assert schema(engine).standing is SchemaStatus.CURRENT
    engine.dispose()


def test_a_commit_is_on_the_disk_before_it_is_acknowledged(sqlite: Engine) -> None:
    with sqlite.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        full = 2
        assert connection.execute(text("PRAGMA synchronous")).scalar_one() == full


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
