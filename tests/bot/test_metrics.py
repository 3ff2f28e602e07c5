"""What Prometheus reads of a process."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.metrics.deferred import DeferredMeter
from storage.db.database import SystemClock
from storage.decisions import Decision
from storage.definitions import (
    CheckpointDefinition,
    CrewDefinition,
    CrewKind,
    DecisionRule,
    PhaseDefinition,
)
from storage.measurements import Measure, Measurement
from storage.monitoring_reads import MonitoringReads
from storage.ports import NoDispatch, NoSignal
from storage.reads import Reads
from storage.records import Action, Actor, ActorKind, Failure, PhaseOutput, Request
from storage.state_manager import StateManager
from tests.support.schema import upgraded

ANYONE = DecisionRule(approvers=("@channel",), timeout=timedelta(hours=1))
PLAN = CrewDefinition(
    name="plan",
    kind=CrewKind.COMMAND,
    command=("true",),
    phases=(PhaseDefinition("draft"), PhaseDefinition("end")),
    checkpoints=(CheckpointDefinition("after_draft", ANYONE, after="draft"),),
    tries=1,
)
OPERATOR = Actor(ActorKind.API, "tests", decides_everything=True)
USAGE = {"gpt": {"calls": 3, "prompt_tokens": 50, "completion_tokens": 7}}


def samples(text: bytes) -> dict[str, float]:
    """The values by name, with the labels as they are written."""
    return {
        sample.name + "".join(f"[{value}]" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


@pytest.fixture
def meter(tmp_path: Path) -> DeferredMeter:
    engine = upgraded(f"sqlite:///{tmp_path / 'c.db'}")
    return DeferredMeter(MonitoringReads(engine).gauges, version="1.2.3", role="serve")


def test_metrics_show_what_waits_and_count_what_was_done(tmp_path: Path) -> None:
    engine = upgraded(f"sqlite:///{tmp_path / 'c.db'}")
    meter = DeferredMeter(MonitoringReads(engine).gauges, version="1.2.3", role="serve")
    state = StateManager(
        engine, clock=SystemClock(), dispatch=NoDispatch(), signal=NoSignal(), meter=meter
    )
    request = Request("a plan")
    run = state.start_execution(definition=PLAN, request=request, requester=OPERATOR)
    before = samples(meter.exposition())
    assert before["countersign_executions[pending]"] == 1
    assert before["countersign_executions[completed]"] == 0
    assert (before["countersign_phases_queued"], before["countersign_phases_running"]) == (1, 0)

    claim = state.claim("tests")
    assert claim is not None
    state.phase_done(claim, PhaseOutput("a draft", usage=USAGE))
    waiting = samples(meter.exposition())
    assert waiting["countersign_executions[waiting_feedback]"] == 1
    assert waiting["countersign_checkpoints_waiting"] == 1
    assert waiting["countersign_phase_seconds_count[done]"] == 1
    assert waiting["countersign_model_calls_total"] == 3
    assert waiting["countersign_model_tokens_total[prompt]"] == 50

    checkpoint = Reads(engine).waiting_checkpoint(run.id)
    assert checkpoint is not None
    state.decide(Decision(checkpoint_id=checkpoint.id, action=Action.CONTINUE, actor=OPERATOR))
    claim = state.claim("tests")
    assert claim is not None
    state.fail(claim, Failure("the model is away"))
    after = samples(meter.exposition())
    assert after["countersign_executions[error]"] == 1
    assert after["countersign_execution_seconds_count[error]"] == 1
    assert after["countersign_decision_seconds_count[continue]"] == 1
    assert after["countersign_pickup_seconds_count[decision]"] == 1
    assert after["countersign_phase_seconds_count[failed]"] == 1
    assert {1} == {value for name, value in after.items() if name.startswith("countersign_build")}
    engine.dispose()


def test_what_was_measured_before_the_library_was_loaded_counts(meter: DeferredMeter) -> None:
    meter.record([Measurement(Measure.SLACK_ERROR, 1, "rate_limited")])
    assert samples(meter.exposition())["countersign_slack_errors_total[rate_limited]"] == 1


def test_without_a_database_the_rest_is_still_shown(tmp_path: Path) -> None:
    engine = upgraded(f"sqlite:///{tmp_path / 'c.db'}")
    meter = DeferredMeter(MonitoringReads(engine).gauges, version="1", role="worker")
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE checkpoints")
    shown = samples(meter.exposition())
    assert shown["countersign_database_up"] == 0
    assert "countersign_executions[pending]" not in shown
    engine.dispose()
