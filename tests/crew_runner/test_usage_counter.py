"""The reported tokens are exactly those that the models' servers counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from crew_runner.child.environment import OFFLINE_MODEL
from crew_runner.models.drafter.openai_protocol import Reply
from storage import usage
from storage.definitions import CheckpointDefinition, CrewDefinition, CrewKind, PhaseDefinition
from storage.records import Action
from storage.states import ExecutionState
from tests.crew_runner.conftest import RunnerFixture
from tests.crew_runner.harness import RULE
from tests.support.drafter import Call, WatchedDrafter

OTHER = "gpt-4.1-mini"
ADDRESS_FILE = "other_model.address"
"""The file in which the crews find that model's address."""


class Other(WatchedDrafter):
    """A second model's server. A `terse` one streams without reporting usage."""

    terse = False

    def reply_to(self, body: dict[str, Any]) -> Reply:
        if self.terse:
            body.pop("stream_options", None)
        return super().reply_to(body)


@pytest.fixture
def other(runner: RunnerFixture) -> Iterator[Other]:
    with Other() as server:
        (runner.folder / ADDRESS_FILE).write_text(server.base_url)
        yield server


def crew(target: str, *after: str, phases: dict[str, list[str]] | None = None) -> CrewDefinition:
    return CrewDefinition(
        name=target,
        kind=CrewKind.CREW,
        target=f"tests.crew_runner.usage_crews:{target}",
        phases=tuple(PhaseDefinition(n, tuple(tasks)) for n, tasks in (phases or {}).items()),
        checkpoints=tuple(CheckpointDefinition(f"after_{n}", RULE, after=n) for n in after),
        rule=RULE,
    )


def tokens_of_calls(calls: tuple[Call, ...]) -> tuple[int, int]:
    return sum(c.prompt_tokens for c in calls), sum(c.completion_tokens for c in calls)


def reported(runner: RunnerFixture, run: str, model: str) -> tuple[int, int]:
    counts = usage.total(r.usage for r in runner.harness.runs(run)).get(model, {})
    return counts.get("prompt_tokens", 0), counts.get("completion_tokens", 0)


def test_tokens_of_all_phases_and_revisions_are_those_that_the_server_counted(
    runner: RunnerFixture,
) -> None:
    before = len(runner.model.calls)
    phases = {"first": ["gather"], "second": ["write"]}
    run = runner.harness.start(crew("drafts", "first", phases=phases), "bells")
    runner.harness.decide(runner.harness.checkpoint(run), Action.REVISE, "shorter, please")
    runner.harness.decide(runner.harness.checkpoint(run), Action.CONTINUE)
    assert runner.harness.ended(run).state is ExecutionState.COMPLETED

    calls = runner.model.calls[before:]
    assert [call.revision for call in calls] == [0, 1, 0]
    assert reported(runner, run, OFFLINE_MODEL) == tokens_of_calls(calls)
    by_phase = usage.by_phase(runner.harness.runs(run))
    assert usage.tokens(by_phase[0]) == sum(tokens_of_calls(calls[:2]))
    assert usage.cost(usage.total(by_phase.values())) == usage.Cost(0)


def test_two_models_are_counted_separately_even_if_one_streams_and_fails_at_first(
    runner: RunnerFixture, other: Other
) -> None:
    before = len(runner.model.calls)
    other.fail_next(1, 500)
    run = runner.harness.start(crew("two_models", phases={"all": ["gather", "write"]}), "bells")
    assert runner.harness.ended(run).state is ExecutionState.COMPLETED, runner.harness.story(run)

    assert [call.status for call in other.calls] == [500, 200]
    assert other.calls[-1].streamed
    assert reported(runner, run, OTHER) == tokens_of_calls(other.calls)
    assert reported(runner, run, OFFLINE_MODEL) == tokens_of_calls(runner.model.calls[before:])
    # OpenAI's price would be wrong if another host serves the model.
    whole = usage.total(r.usage for r in runner.harness.runs(run))
    assert usage.cost(whole) == usage.Cost(0, (OTHER,))


def test_if_a_server_reports_no_tokens_the_calls_are_counted_and_usage_is_a_minimum(
    runner: RunnerFixture, other: Other
) -> None:
    other.terse = True
    run = runner.harness.start(crew("two_models", phases={"all": ["gather", "write"]}), "bells")
    assert runner.harness.ended(run).state is ExecutionState.COMPLETED, runner.harness.story(run)

    whole = usage.total(r.usage for r in runner.harness.runs(run))
    assert whole[OTHER] == {"calls": 1, "uncounted_calls": 1, "unpriced_calls": 1}
    assert usage.is_lower_bound(whole)
    assert usage.tokens(whole) > 0


def test_the_calls_of_a_failed_attempt_are_counted_too(runner: RunnerFixture) -> None:
    before = len(runner.model.calls)
    run = runner.harness.start(crew("breaks_once", phases={"all": ["gather", "write"]}), "bells")
    assert runner.harness.ended(run).state is ExecutionState.COMPLETED, runner.harness.story(run)

    assert len(runner.harness.runs(run)) == 2
    assert len(runner.model.calls) == before + 4
    assert reported(runner, run, OFFLINE_MODEL) == tokens_of_calls(runner.model.calls[before:])


def test_plans_structured_outputs_guardrails_and_concurrent_tasks_are_counted(
    runner: RunnerFixture, other: Other
) -> None:
    names = ["left", "right", "shape", "judged"]
    run = runner.harness.start(crew("broad", phases={"all": names}), "bells")
    assert runner.harness.ended(run).state is ExecutionState.COMPLETED, runner.harness.story(run)

    assert len(other.calls) > len(names)
    assert reported(runner, run, OTHER) == tokens_of_calls(other.calls)


def test_a_flow_is_counted_over_its_gate_and_in_threads_of_its_own(
    runner: RunnerFixture, other: Other
) -> None:
    run = runner.harness.start(crew("Talks"), "bells")
    runner.harness.decide(runner.harness.checkpoint(run), Action.CONTINUE)
    assert runner.harness.ended(run).state is ExecutionState.COMPLETED, runner.harness.story(run)

    assert len(other.calls) == 3
    assert reported(runner, run, OTHER) == tokens_of_calls(other.calls)
    assert all(usage.tokens(r.usage) > 0 for r in runner.harness.runs(run))
