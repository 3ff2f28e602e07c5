"""The audit log, read as events."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, insert

from storage.db.tables import audit
from storage.decisions import Decision
from storage.definitions import OnTimeout
from storage.events import Event
from storage.reads import Reads
from storage.records import Action, Failure
from storage.state_manager import StateManager
from tests.support.factories import ANA, BEN, NOON, SettableClock, asking, crew, output, rule


def start(state: StateManager, *phases: str, on_timeout: OnTimeout = OnTimeout.STOP) -> str:
    definition = crew(
        phases=phases, after=phases[:1], decided_by=rule(on_timeout=on_timeout), tries=1
    )
    return state.start_execution(
        definition=definition, request=asking(), requester=ANA, channel="C1"
    ).id


def run_phase(state: StateManager) -> None:
    claim = state.claim("worker")
    assert claim is not None
    state.phase_done(claim, output("A text that is nobody's business", tasks=("task",)))


def decide(state: StateManager, reads: Reads, execution_id: str, action: Action) -> None:
    checkpoint = reads.waiting_checkpoint(execution_id)
    assert checkpoint is not None
    state.decide(Decision(checkpoint.id, action, BEN, text="secret words"))


def told(events: list[Event] | tuple[Event, ...]) -> list[tuple[str, str]]:
    return [(event.type, event.status) for event in events]


def test_a_run_reads_as_events_in_order_with_the_status_after_each(
    state: StateManager, reads: Reads
) -> None:
    execution_id = start(state, "draft", "end")
    run_phase(state)
    decide(state, reads, execution_id, Action.REVISE)
    run_phase(state)
    decide(state, reads, execution_id, Action.CONTINUE)
    run_phase(state)

    events = tuple(reads.events_after(0, 100))

    assert told(events) == [
        ("execution.started", "pending"),
        ("phase.started", "running"),
        ("checkpoint.waiting", "waiting_feedback"),
        ("checkpoint.decided", "running"),
        ("phase.started", "running"),
        ("checkpoint.waiting", "waiting_feedback"),
        ("checkpoint.decided", "running"),
        ("phase.started", "running"),
        ("execution.completed", "completed"),
    ]
    assert [event.seq for event in events] == sorted({event.seq for event in events})
    assert events[-1].is_last
    assert {(event.execution_id, event.channel) for event in events} == {(execution_id, "C1")}
    revised, again = events[3], events[5]
    assert dict(revised.data) | {"checkpoint_id": "…"} == {
        "checkpoint_id": "…",
        "checkpoint_name": "after_draft",
        "phase": "draft",
        "revision": 1,
        "action": "revise",
        "actor": "Ben",
    }
    assert again.data["revision"] == 2
    assert "secret" not in str(events)
    assert "business" not in str(events)


def test_reading_on_begins_after_an_event_and_can_be_for_one_execution(
    state: StateManager, reads: Reads
) -> None:
    first, second = start(state, "draft"), start(state, "draft")
    run_phase(state)
    everything = tuple(reads.events_after(0, 100))

    assert tuple(reads.events_after(everything[1].seq, 100)) == everything[2:]
    assert tuple(reads.events_after(0, 2)) == everything[:2]
    assert told(tuple(reads.events_after(0, 100, execution_id=second))) == [
        ("execution.started", "pending")
    ]
    assert len(reads.events_after(0, 100, execution_id=first)) == 3


@pytest.mark.parametrize(
    ("on_timeout", "ends"),
    [
        (OnTimeout.FAIL, ("execution.error", "error")),
        (OnTimeout.STOP, ("execution.stopped", "stopped")),
        (OnTimeout.CONTINUE, ("execution.completed", "completed")),
    ],
)
def test_a_deadline_decides_and_its_effect_follows(
    state: StateManager,
    reads: Reads,
    clock: SettableClock,
    on_timeout: OnTimeout,
    ends: tuple[str, str],
) -> None:
    execution_id = start(state, "draft", on_timeout=on_timeout)
    run_phase(state)
    clock.move(timedelta(hours=2))
    state.expire_due()

    *_, decided, ended = reads.events_after(0, 100, execution_id=execution_id)

    assert decided.type == "checkpoint.decided"
    assert (decided.data["action"], decided.data["actor"]) == (on_timeout.value, "timeout")
    assert (ended.type, ended.status) == ends


def test_a_retried_run_goes_on_after_its_error(state: StateManager, reads: Reads) -> None:
    execution_id = start(state, "draft")
    claim = state.claim("worker")
    assert claim is not None
    state.fail(claim, Failure("no model", retryable=False))
    state.retry(execution_id, actor=ANA)
    run_phase(state)

    error, started, waiting = reads.events_after(0, 100)[2:]

    assert (error.type, error.status, error.is_last) == ("execution.error", "error", False)
    assert (started.type, waiting.type) == ("phase.started", "checkpoint.waiting")


def test_the_log_names_every_execution_that_changed_even_without_an_event(
    state: StateManager, reads: Reads
) -> None:
    execution_id = start(state, "draft", "end")
    run_phase(state)
    decide(state, reads, execution_id, Action.CONTINUE)
    claim = state.claim("worker")
    assert claim is not None
    before = reads.last_seq()
    state.release_claim(claim)

    page = reads.log_after(before, 10)

    assert not page.events
    assert page.execution_ids == {execution_id}
    assert (page.last_seq, page.is_full) == (reads.last_seq(), False)
    assert reads.log_after(0, 2).is_full


def test_rows_of_older_versions_have_the_usual_status(engine: Engine, reads: Reads) -> None:
    row = {
        "at": NOON,
        "execution_id": "gone",
        "event": "checkpoint.opened",
        "details": {"checkpoint": "c1", "name": "review"},
    }
    with engine.begin() as connection:
        connection.execute(insert(audit).values(row))

    (event,) = reads.events_after(0, 10)

    assert (event.status, event.channel, event.requester) == ("waiting_feedback", None, None)
    assert event.data == {"checkpoint_id": "c1", "checkpoint_name": "review"}
