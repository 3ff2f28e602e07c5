"""Erasure of one person: nothing of what they wrote is left, and all of the rest is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, text

from storage.db.audit_check import verify
from storage.db.database import reading
from storage.db.tables import metadata
from storage.decisions import Decision, Edit
from storage.erasure.erasure import Erasure
from storage.outbox.outbox import Outbox
from storage.records import Action, Execution, Pause, PhaseOutput, Request, TaskResult
from storage.state_manager import StateManager
from storage.states import ExecutionState
from storage.token_manager import TokenManager
from storage.tokens import Scope, TokenKind
from storage.webhooks import NewWebhook
from tests.storage.conftest import Run
from tests.support.factories import ANA, BEN, SettableClock, crew, member

EVE = member("UEVE", "Eve Miller")
WORDS = ("spell my name", "in shorter sentences", "rewritten by hand", "a campaign for Eve")
PLAN = replace(crew(), lessons=True)


def stored(engine: Engine) -> dict[str, str]:
    """All that the database has, as text, by table."""
    with reading(engine) as connection:
        return {
            table.name: "\n".join(
                str(tuple(row)) for row in connection.execute(text(f"SELECT * FROM {table.name}"))
            )
            for table in metadata.sorted_tables
        }


def output(words: str) -> PhaseOutput:
    """An output whose saved conversation has a reviewer's words."""
    saved = {"messages": [{"role": "user", "content": words}]}
    return PhaseOutput(
        output="a draft",
        tasks=(TaskResult("planning_task", "Writer", "a draft", saved=saved),),
        pause=None,
        inputs={"topic": words},
    )


def revised_by_eve(run: Run) -> Execution:
    """Eve asks for it, revises, edits and ends it; Ben says something, too."""
    request = Request(user_input=WORDS[3], message=WORDS[3], values={"topic": WORDS[3]})
    webhook = NewWebhook("https://example.com", context={"meta": {"for": WORDS[3]}})
    run.start(PLAN, request=request, requester=EVE, webhooks=[webhook])
    run.work(output(WORDS[3]))
    first = run.waiting.id
    run.state.decide(Decision(first, Action.REVISE, EVE, text=WORDS[0]))
    run.state.add_lesson(first, actor=EVE)
    run.work(output(WORDS[0]))
    run.state.decide(Decision(run.waiting.id, Action.REVISE, BEN, text="said by Ben"))
    run.work(output("said by Ben"))
    run.state.edit(Edit(run.waiting.id, {"": WORDS[2]}, EVE))
    run.state.intend_revise(run.waiting.id, actor=EVE)
    return run.state.decide(Decision(run.waiting.id, Action.STOP, EVE, text=WORDS[1])).execution


@pytest.fixture
def erasure(engine: Engine, clock: SettableClock) -> Erasure:
    return Erasure(engine, clock=clock, person="UEVE")


def erase(erasure: Erasure) -> int:
    return erasure.erase(erasure.find(), tell=lambda _done, _of: None)


def test_nothing_that_the_person_wrote_is_left(
    engine: Engine, run: Run, clock: SettableClock, erasure: Erasure
) -> None:
    execution = revised_by_eve(run)
    TokenManager(engine, clock=clock).create(
        TokenKind.TOKEN, scopes=[Scope.READ], lifetime=None, label="Eve's", person="UEVE"
    )
    before = verify(engine)

    assert erase(erasure) == 1

    left = stored(engine)
    for trace in (*WORDS, "UEVE", "Eve"):
        assert [table for table, rows in left.items() if trace in rows] == [], trace
    after = verify(engine)
    assert (after.problem, after.length > before.length, after.redacted) == (None, True, 6)
    erased = run.reads.execution(execution.id)
    assert (erased.state, erased.requester.name) == (ExecutionState.STOPPED, "erased")
    assert erased.request.text == "[erased]"
    with reading(engine) as connection:
        decided = connection.exec_driver_sql("SELECT text FROM checkpoints ORDER BY seq").scalars()
        assert [*decided] == ["[erased]", "said by Ben", "", "[erased]"]
    outputs = [each.output.output for each in run.reads.phase_runs(execution.id) if each.output]
    assert outputs == ["a draft", "a draft", "a draft", "[erased]"]


def test_erasing_again_finds_nothing(engine: Engine, run: Run, erasure: Erasure) -> None:
    revised_by_eve(run)
    erase(erasure)
    before = stored(engine)

    traces = erasure.find()

    assert not traces.any_erasable
    assert erase(erasure) == 0
    assert stored(engine) == before


def test_what_others_wrote_stays(engine: Engine, run: Run, erasure: Erasure) -> None:
    run.start(PLAN)
    run.work(output("said by Ana"))
    run.state.decide(Decision(run.waiting.id, Action.REVISE, BEN, text="about the name of Eve"))
    run.work()
    run.state.cancel(run.id, actor=ANA)
    revised_by_eve(run)

    def of_others() -> dict[str, list[Any]]:
        with reading(engine) as connection:
            return {
                table: [
                    *connection.execute(
                        text(f"SELECT * FROM {table} WHERE execution_id = '{others}' ORDER BY seq")
                    )
                ]
                for table in ("phase_runs", "checkpoints", "audit", "outbox")
            }

    others = run.reads.executions(states=[ExecutionState.CANCELLED], limit=1)[0].id
    before = of_others()
    erase(erasure)

    assert of_others() == before
    assert "about the name of Eve" in stored(engine)["checkpoints"]


def test_an_execution_that_has_not_ended_is_left_and_named(
    engine: Engine, run: Run, state: StateManager, erasure: Erasure
) -> None:
    run.start(requester=EVE)
    running = run.id
    run.work()

    traces = erasure.find()
    assert (traces.running, traces.ended) == ((running,), ())
    before = stored(engine)
    assert erase(erasure) == 0
    assert stored(engine) == before

    state.cancel(running, actor=EVE)
    assert erasure.find().ended == (running,)
    assert erase(erasure) == 1
    assert "UEVE" not in str(stored(engine))


def test_an_execution_that_was_deleted_is_erased_from_the_log(
    engine: Engine, run: Run, outbox: Outbox, erasure: Erasure
) -> None:
    """As a version before 0.3 deleted it: with everybody still named in the audit log."""
    run.start(requester=EVE)
    run.state.cancel(run.id, actor=EVE)
    with engine.begin() as connection:
        for table in ("outbox", "phase_runs", "executions"):
            connection.exec_driver_sql(f"DELETE FROM {table}")

    assert erasure.find().gone == (run.id,)
    erase(erasure)

    assert "UEVE" not in str(stored(engine))
    assert verify(engine).problem is None


def test_the_state_of_a_paused_flow_goes_too(run: Run, engine: Engine, erasure: Erasure) -> None:
    run.start(requester=EVE)
    pause = Pause("review", outcomes=("yes",), saved={"state": {"request": "Eve said so"}})
    run.work(PhaseOutput(output="a draft", pause=pause))
    run.state.cancel(run.id, actor=BEN)

    erase(erasure)

    assert "Eve said so" not in str(stored(engine))
