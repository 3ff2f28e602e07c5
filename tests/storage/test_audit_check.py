"""Verification of the audit log: each way to tamper with it is found, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine

from storage.db.audit_check import Anchor, Verified, verify
from storage.db.database import reading, writing
from storage.decisions import Decision
from storage.errors import Busy
from storage.records import Action
from storage.state_manager import StateManager
from storage.states import ExecutionState
from tests.storage.conftest import Run
from tests.support.factories import ANA, BEN, asking, crew

EDITED = "UPDATE audit SET details = replace(details, 'plan', 'plot') WHERE seq = 1"
SHIFTED_UP = (
    "UPDATE audit SET seq = -seq - 1 WHERE seq >= 4",
    "UPDATE audit SET seq = -seq WHERE seq < 0",
)
SHIFTED_DOWN = (
    "UPDATE audit SET seq = -seq + 1 WHERE seq > 4",
    "UPDATE audit SET seq = -seq WHERE seq < 0",
)
COPY = (
    "INSERT INTO audit (seq, at, execution_id, event, actor, details, salt, digest, hash)"
    " SELECT {seq}, at, execution_id, event, actor, details, salt, digest, hash FROM audit"
    " WHERE seq = {of}"
)
SWAPPED = (
    "UPDATE audit SET seq = -1 WHERE seq = 3",
    "UPDATE audit SET seq = 3 WHERE seq = 4",
    "UPDATE audit SET seq = 4 WHERE seq = -1",
)

TAMPERED = {
    "details": ([EDITED], 1, "details"),
    "no JSON": (["UPDATE audit SET details = 'x' WHERE seq = 2"], 2, "details"),
    "actor": (["UPDATE audit SET actor = NULL WHERE seq = 1"], 1, "actor"),
    "another actor": (
        ["UPDATE audit SET actor = replace(actor, 'UANA', 'UEVE') WHERE seq = 1"],
        1,
        "actor",
    ),
    "salt": (["UPDATE audit SET salt = 'pepper' WHERE seq = 2"], 2, "details"),
    "digest": (["UPDATE audit SET digest = hash WHERE seq = 2"], 2, "digest"),
    "emptied": (
        ["UPDATE audit SET actor = NULL, details = '{}', salt = NULL WHERE seq = 2"],
        2,
        "emptied, and no row of the log records it",
    ),
    "event": (["UPDATE audit SET event = 'lesson.added' WHERE seq = 3"], 3, "its event"),
    "time": (["UPDATE audit SET at = '2026-03-02 12:00:00.000001' WHERE seq = 3"], 3, "its time"),
    "execution": (["UPDATE audit SET execution_id = 'e' WHERE seq = 3"], 3, "its execution"),
    "hash": (["UPDATE audit SET hash = digest WHERE seq = 3"], 3, "hash of the row was changed"),
    "no hash": (["UPDATE audit SET hash = NULL WHERE seq = 3"], 3, "has no hash"),
    "no digest": (["UPDATE audit SET digest = NULL WHERE seq = 3"], 3, "has no hash"),
    "number": (["UPDATE audit SET seq = 1000 WHERE seq = 7"], 7, "seq 7 is missing"),
    "first removed": (["DELETE FROM audit WHERE seq = 1"], 2, "a row before it was removed"),
    "removed": (["DELETE FROM audit WHERE seq = 4"], 4, "seq 4 is missing: seq 5 does not follow"),
    "many removed": (["DELETE FROM audit WHERE seq IN (3, 4, 5)"], 3, "seq 3 to 5 are missing"),
    "last removed": (["DELETE FROM audit WHERE seq = 7"], 7, "seq 7 is missing"),
    "end removed": (["DELETE FROM audit WHERE seq > 4"], 5, "seq 5 to 7 are missing"),
    "all removed": (["DELETE FROM audit"], 1, "seq 1 to 7 are missing"),
    "removed and renumbered": (
        ["DELETE FROM audit WHERE seq = 4", *SHIFTED_DOWN],
        4,
        "1 row was removed before it",
    ),
    "removed and renumbered with the head": (
        [
            "DELETE FROM audit WHERE seq = 4",
            *SHIFTED_DOWN,
            "UPDATE audit_chain SET last_seq = 6, length = 6",
        ],
        4,
        "1 row was removed before it",
    ),
    "exchanged": (SWAPPED, 3, "exchanged with another row"),
    "inserted": ([*SHIFTED_UP, COPY.format(seq=4, of=3)], 4, "1 row was inserted here"),
    "inserted without a hash": (
        [
            *SHIFTED_UP,
            "INSERT INTO audit (seq, at, execution_id, event, details)"
            " SELECT 4, at, execution_id, event, details FROM audit WHERE seq = 3",
        ],
        4,
        "has no hash",
    ),
    "inserted at the end": ([COPY.format(seq=8, of=7)], 8, "lies behind seq 7"),
    "inserted without a hash at the end": (
        [
            "INSERT INTO audit (seq, at, execution_id, event, details)"
            " SELECT 8, at, execution_id, event, details FROM audit WHERE seq = 3",
        ],
        8,
        "has no hash",
    ),
    "inserted before the beginning": ([COPY.format(seq=-1, of=7)], -1, "has a hash"),
    "head removed": (["DELETE FROM audit_chain"], 1, "the head of the chain is missing"),
    "head put back": (
        [
            "UPDATE audit_chain SET last_seq = 6, length = 6,"
            " hash = (SELECT hash FROM audit WHERE seq = 6)"
        ],
        7,
        "the head was put back",
    ),
    "head's hash": (["UPDATE audit_chain SET hash = 'a'"], 7, "the head was changed"),
    "head's length": (["UPDATE audit_chain SET length = 8"], 7, "the head was changed"),
    "head's beginning": (["UPDATE audit_chain SET first_seq = 3"], 1, "names seq 3 as the first"),
    "head's end": (["UPDATE audit_chain SET last_seq = 8"], 8, "seq 8 is missing"),
}


def tamper(engine: Engine, statements: Sequence[str]) -> None:
    """Change the log as somebody would who may do anything to the database."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        else:
            connection.exec_driver_sql("DROP TRIGGER audit_no_update")
            connection.exec_driver_sql("DROP TRIGGER audit_no_delete")
        for statement in statements:
            connection.exec_driver_sql(statement)


def rows(engine: Engine) -> list[Any]:
    with reading(engine) as connection:
        return [*connection.exec_driver_sql("SELECT * FROM audit ORDER BY seq")]


def seven_rows(run: Run) -> None:
    """Started, claimed, done, checkpoint opened, decided, stopped; and another run started."""
    run.start(crew(after=("planning",)))
    run.work()
    run.state.decide(Decision(run.waiting.id, Action.STOP, BEN))
    run.start()


def intact(engine: Engine, **anchor: Any) -> Verified:
    verified = verify(engine, **anchor)
    assert verified.problem is None
    return verified


def test_a_log_that_nobody_changed_is_intact(engine: Engine, run: Run) -> None:
    assert intact(engine).length == 0
    seven_rows(run)

    verified = intact(engine)

    last = rows(engine)[-1]
    assert (verified.length, verified.last_seq, verified.hash) == (7, 7, last.hash)
    assert (verified.uncovered, verified.redacted) == (0, 0)


@pytest.mark.parametrize("how", TAMPERED)
def test_what_was_tampered_with_is_named(engine: Engine, run: Run, how: str) -> None:
    statements, seq, words = TAMPERED[how]
    seven_rows(run)
    tamper(engine, statements)

    problem = verify(engine).problem

    assert problem is not None
    assert (problem.seq, words in problem.text) == (seq, True), problem


def test_an_anchor_finds_a_chain_that_was_cut_together_with_its_head(
    engine: Engine, run: Run
) -> None:
    seven_rows(run)
    noted = intact(engine)
    anchor = Anchor(noted.length, noted.hash)
    run.start()
    intact(engine, anchor=anchor)
    cut = (
        "DELETE FROM audit WHERE seq > 5",
        "UPDATE audit_chain SET last_seq = 5, length = 5,"
        " hash = (SELECT hash FROM audit WHERE seq = 5)",
    )
    tamper(engine, cut)

    intact(engine)
    problem = verify(engine, anchor=anchor).problem
    assert problem is not None
    assert problem.text == "the chain ends here with 5 rows: the anchor was noted at 7 rows"

    for _ in range(3):  # the same length again
        run.start()
    problem = verify(engine, anchor=anchor).problem
    assert problem is not None
    assert problem.text == "row 7 of the chain has another hash than the anchor"


def test_rows_from_before_the_chain_are_counted(engine: Engine, run: Run) -> None:
    seven_rows(run)
    before = ["UPDATE audit SET hash = NULL, digest = NULL", "DELETE FROM audit_chain"]
    tamper(engine, before)
    run.start()

    verified = intact(engine)

    assert (verified.uncovered, verified.length, verified.last_seq) == (7, 1, 8)


def test_a_process_of_an_older_version_may_write_meanwhile_but_its_rows_are_named(
    engine: Engine, run: Run
) -> None:
    run.start()
    with writing(engine) as connection:
        connection.exec_driver_sql(
            "INSERT INTO audit (at, execution_id, event, details)"
            " VALUES ('2026-03-02 12:00:00.000000', 'e', 'phase.done', '{}')"
        )
    run.start()

    assert [row.seq for row in rows(engine)] == [1, 2, 3]
    problem = verify(engine).problem
    assert problem is not None
    assert (problem.seq, "by a version before 0.3" in problem.text) == (2, True)


def test_the_order_of_rows_is_the_order_of_commits(engine: Engine, state: StateManager) -> None:
    """Readers that ask for what follows the last row they saw miss no row."""
    writers, starts = 6, 8
    written = threading.Event()
    seen: list[int] = []

    def write(_number: int) -> None:
        done = 0
        while done < starts:
            try:
                state.start_execution(definition=crew(), request=asking(), requester=ANA)
            except Busy:
                continue
            done += 1

    def read() -> None:
        while True:
            last_pass = written.is_set()
            with reading(engine) as connection:
                after = f"SELECT seq FROM audit WHERE seq > {seen[-1] if seen else 0} ORDER BY seq"
                seen.extend(connection.exec_driver_sql(after).scalars())
            assert verify(engine).problem is None
            if last_pass:
                return

    with ThreadPoolExecutor(writers + 1) as pool:
        reader = pool.submit(read)
        for future in [pool.submit(write, number) for number in range(writers)]:
            future.result()
        written.set()
        reader.result()

    assert len(seen) == writers * starts
    assert seen == [row.seq for row in rows(engine)]
    assert intact(engine).length == len(seen)


def test_a_batch_of_deadlines_is_one_stretch_of_the_chain(
    engine: Engine, run: Run, clock: Any
) -> None:
    from datetime import timedelta

    ids = []
    for _ in range(5):
        run.start()
        run.work()
        ids.append(run.id)
    clock.move(timedelta(hours=2))

    assert run.state.expire_due() == 5

    assert {run.reads.execution(one).state for one in ids} == {ExecutionState.STOPPED}
    intact(engine)
