"""A crew's limits on starts: what counts against them, and what makes room again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from storage.decisions import Decision
from storage.definitions import CrewDefinition, Limits
from storage.errors import LimitReached
from storage.records import Action, ActorKind
from storage.state_manager import StateManager
from storage.use_cases.limits import key_of
from tests.storage.conftest import Run
from tests.support.factories import ANA, BEN, SettableClock, crew


def limited(**limits: int) -> CrewDefinition:
    return replace(crew(), limits=Limits(**limits))


def refused(run: Run, definition: CrewDefinition) -> str | None:
    """Start one more run. Returns the limit that refuses it, or None if it started."""
    try:
        run.start(definition)
    except LimitReached as error:
        return error.limit
    return None


@pytest.mark.parametrize("limit", ["at_once", "per_person"])
def test_an_ended_run_does_not_count_but_a_waiting_one_does(
    run: Run, state: StateManager, limit: str
) -> None:
    one = limited(**{limit: 1})
    run.start(one)
    run.work()
    assert refused(run, one) == limit

    state.decide(Decision(run.waiting.id, Action.STOP, BEN))

    assert refused(run, one) is None


def test_a_cancelled_run_does_not_count(run: Run, state: StateManager) -> None:
    one = limited(at_once=1)
    execution = run.start(one)
    state.cancel(execution.id, actor=ANA)

    assert refused(run, one) is None


def test_all_starts_of_the_last_hour_count_even_of_ended_runs(
    run: Run, state: StateManager, clock: SettableClock
) -> None:
    hourly = limited(starts_per_hour=1)
    execution = run.start(hourly)
    state.cancel(execution.id, actor=ANA)
    clock.move(timedelta(minutes=59, seconds=59))
    assert refused(run, hourly) == "starts_per_hour"

    clock.move(timedelta(seconds=1))

    assert refused(run, hourly) is None


def test_the_limit_of_a_person_does_not_affect_another(run: Run) -> None:
    one_each = limited(per_person=1)
    run.start(one_each, requester=ANA)
    run.start(one_each, requester=BEN)

    with pytest.raises(LimitReached, match="limits `per_person` to 1"):
        run.start(one_each, requester=BEN)


def test_the_first_limit_that_is_reached_is_named(run: Run) -> None:
    narrow = limited(at_once=2, per_person=1, starts_per_hour=2)
    run.start(narrow)

    assert refused(run, narrow) == "per_person"


def test_a_person_is_counted_by_front_end_and_id() -> None:
    assert key_of(ANA) == "slack:UANA"
    assert key_of(replace(ANA, name="Ana Maria")) == key_of(ANA)
    assert key_of(replace(ANA, kind=ActorKind.API)) != key_of(ANA)
