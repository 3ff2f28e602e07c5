"""What is told of tokens is what the models' servers counted, to the token."""

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
from tests.crew_runner.conftest import Shop
from tests.crew_runner.desk import RULE
from tests.support.drafter import Call, WatchedDrafter

OTHER = "gpt-4.1-mini"
ADDRESS_FILE = "other_model.address"
"""Where the crews look for that model."""


class Other(WatchedDrafter):
    """A second model's server. A `terse` one streams without telling what was used."""

    terse = False

    def reply_to(self, body: dict[str, Any]) -> Reply:
        if self.terse:
            body.pop("stream_options", None)
        return super().reply_to(body)


@pytest.fixture
def other(shop: Shop) -> Iterator[Other]:
    with Other() as server:
        (shop.folder / ADDRESS_FILE).write_text(server.base_url)
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


def counted(calls: tuple[Call, ...]) -> tuple[int, int]:
    return sum(c.prompt_tokens for c in calls), sum(c.completion_tokens for c in calls)


def told(shop: Shop, run: str, model: str) -> tuple[int, int]:
    counts = usage.total(r.usage for r in shop.desk.runs(run)).get(model, {})
    return counts.get("prompt_tokens", 0), counts.get("completion_tokens", 0)


def test_tokens_of_all_phases_and_revisions_are_those_that_the_server_counted(shop: Shop) -> None:
    before = len(shop.model.calls)
    phases = {"first": ["gather"], "second": ["write"]}
    run = shop.desk.start(crew("drafts", "first", phases=phases), "bells")
    shop.desk.decide(shop.desk.checkpoint(run), Action.REVISE, "shorter, please")
    shop.desk.decide(shop.desk.checkpoint(run), Action.CONTINUE)
    assert shop.desk.ended(run).state is ExecutionState.COMPLETED

    calls = shop.model.calls[before:]
    assert [call.revision for call in calls] == [0, 1, 0]
    assert told(shop, run, OFFLINE_MODEL) == counted(calls)
    by_phase = usage.by_phase(shop.desk.runs(run))
    assert usage.tokens(by_phase[0]) == sum(counted(calls[:2]))
    assert usage.cost(usage.total(by_phase.values())) == usage.Cost(0)


def test_two_models_are_counted_apart_also_where_one_streams_and_fails_at_first(
    shop: Shop, other: Other
) -> None:
    before = len(shop.model.calls)
    other.fail_next(1, 500)
    run = shop.desk.start(crew("two_models", phases={"all": ["gather", "write"]}), "bells")
    assert shop.desk.ended(run).state is ExecutionState.COMPLETED, shop.desk.story(run)

    assert [call.status for call in other.calls] == [500, 200]
    assert other.calls[-1].streamed
    assert told(shop, run, OTHER) == counted(other.calls)
    assert told(shop, run, OFFLINE_MODEL) == counted(shop.model.calls[before:])
    # A price of OpenAI's would be a lie where somebody else serves the model.
    whole = usage.total(r.usage for r in shop.desk.runs(run))
    assert usage.cost(whole) == usage.Cost(0, (OTHER,))


def test_where_a_server_tells_no_tokens_the_calls_are_counted_and_more_was_used_than_is_told(
    shop: Shop, other: Other
) -> None:
    other.terse = True
    run = shop.desk.start(crew("two_models", phases={"all": ["gather", "write"]}), "bells")
    assert shop.desk.ended(run).state is ExecutionState.COMPLETED, shop.desk.story(run)

    whole = usage.total(r.usage for r in shop.desk.runs(run))
    assert whole[OTHER] == {"calls": 1, "uncounted_calls": 1, "unpriced_calls": 1}
    assert usage.is_at_least(whole)
    assert usage.tokens(whole) > 0


def test_what_a_failed_try_asked_is_counted_too(shop: Shop) -> None:
    before = len(shop.model.calls)
    run = shop.desk.start(crew("breaks_once", phases={"all": ["gather", "write"]}), "bells")
    assert shop.desk.ended(run).state is ExecutionState.COMPLETED, shop.desk.story(run)

    assert len(shop.desk.runs(run)) == 2
    assert len(shop.model.calls) == before + 4
    assert told(shop, run, OFFLINE_MODEL) == counted(shop.model.calls[before:])


def test_plans_shapes_judgements_and_tasks_at_the_same_time_are_counted(
    shop: Shop, other: Other
) -> None:
    names = ["left", "right", "shape", "judged"]
    run = shop.desk.start(crew("broad", phases={"all": names}), "bells")
    assert shop.desk.ended(run).state is ExecutionState.COMPLETED, shop.desk.story(run)

    assert len(other.calls) > len(names)
    assert told(shop, run, OTHER) == counted(other.calls)


def test_a_flow_is_counted_over_its_gate_and_in_threads_of_its_own(
    shop: Shop, other: Other
) -> None:
    run = shop.desk.start(crew("Talks"), "bells")
    shop.desk.decide(shop.desk.checkpoint(run), Action.CONTINUE)
    assert shop.desk.ended(run).state is ExecutionState.COMPLETED, shop.desk.story(run)

    assert len(other.calls) == 3
    assert told(shop, run, OTHER) == counted(other.calls)
    assert all(usage.tokens(r.usage) > 0 for r in shop.desk.runs(run))
