"""A child is told what was claimed, and all that its phase needs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from crew_runner.child import records as child
from crew_runner.child.messages import Job, Phases
from crew_runner.host.jobs import check_job, job_for, phases_message
from storage.definitions import Budget, CrewDefinition, CrewKind, Limits
from storage.records import (
    Action,
    Claim,
    Feedback,
    Pause,
    PhaseOutput,
    Request,
    Resume,
    TaskResult,
)
from tests.crew_runner.claims import a_claim
from tests.support.factories import BEN, NOON, crew

USED = {"gpt": {"calls": 1, "prompt_tokens": 90}}


def job(claim: Claim) -> Job:
    return job_for(claim, model={"MODEL": "m"}, extra={"KEY": "k"}, storage="/tmp/job")


def test_a_job_holds_the_crews_entry_and_the_workers_own_settings() -> None:
    definition = replace(
        crew(),
        cwd="/srv/crew",
        env={"REGION": "eu"},
        approve_tools=("refund",),
        limits=Limits(model_calls=7),
        budget=Budget(tokens=500),
    )

    told = job(a_claim(definition))

    assert (told.kind, told.target, told.cwd) == (
        child.CrewKind.CREW,
        "some.where:Crew",
        "/srv/crew",
    )
    assert (told.env, told.model, told.extra) == ({"REGION": "eu"}, {"MODEL": "m"}, {"KEY": "k"})
    assert (told.approve_tools, told.model_calls, told.storage) == (("refund",), 7, "/tmp/job")
    assert told.budget == child.Budget(tokens=500)
    assert not told.only_check


def test_a_program_is_told_its_command() -> None:
    program = replace(crew(), kind=CrewKind.COMMAND, target=None, command=("run", "--fast"))

    told = job(a_claim(program))

    assert (told.kind, told.command) == (child.CrewKind.COMMAND, ("run", "--fast"))


@pytest.mark.parametrize(("phase", "first"), [(0, True), (1, False)])
def test_a_job_names_its_phase_among_all_and_where_the_run_pauses(phase: int, first: bool) -> None:
    told = job(a_claim(phase=phase))

    assert told.phase == ("planning", "analysis")[phase]
    assert told.first is first
    assert told.phases[0] == child.PhaseDefinition("planning", ("planning_task",))
    assert len(told.phases) == 3
    assert told.pauses == ("planning", "analysis")


@pytest.mark.parametrize("after", [(), ("planning",)])
def test_a_crew_that_is_still_to_describe_itself_is_told_no_phases(after: tuple[str, ...]) -> None:
    told = job(a_claim(crew(phases=(), after=after)))

    assert (told.phases, told.phase, told.pauses) == ((), "", ())


def test_phases_that_only_the_execution_knows_hold_one_task_each() -> None:
    told = job(a_claim(crew(phases=(), after=()), phases=("write", "post")))

    assert told.phases == (
        child.PhaseDefinition("write", ("write",)),
        child.PhaseDefinition("post", ("post",)),
    )


def test_a_job_holds_the_request_under_every_name_that_crews_use() -> None:
    claim = a_claim()
    request = Request("a campaign", campaign_context="spring", language="German")
    claim = replace(claim, execution=replace(claim.execution, request=request))

    assert job(claim).inputs == {
        "user_input": "a campaign",
        "message": "a campaign",
        "campaign_context": "spring",
        "language": "German",
        "output_language": "German",
    }


@pytest.mark.parametrize(
    ("taught", "lessons"), [(True, "- name the prices\n- no jokes"), (False, None)]
)
def test_lessons_are_an_input_of_crews_that_take_them(taught: bool, lessons: str | None) -> None:
    claim = a_claim(replace(crew(), lessons=taught))
    told = job(replace(claim, lessons=("name the prices", "no jokes")))

    assert told.lessons == ("name the prices", "no jokes")
    assert told.inputs.get("lessons") == lessons


def test_a_revision_goes_on_from_what_was_shown() -> None:
    shown = PhaseOutput("a plan", (TaskResult("plan", "Planner", "a plan", {"raw": "x"}),))
    claim = a_claim(phase=1)
    run = replace(claim.run, feedback="shorter", revise_tasks=("plan",))
    claim = replace(claim, run=run, previous=shown, done=(("planning", shown),))

    told = job(claim)

    assert told.revising
    assert (told.feedback, told.revise) == ("shorter", ("plan",))
    assert told.previous is not None
    assert told.previous.tasks[0].saved == {"raw": "x"}
    assert told.done == (("planning", told.previous),)
    assert not job(a_claim()).revising


def test_a_paused_flow_goes_on_with_its_own_state_and_the_decision() -> None:
    pause = Pause("review", outcomes=("yes", "no"), saved={"step": 3})
    feedback = Feedback(Action.CONTINUE, "good", BEN, NOON, outcome="yes")

    told = job(replace(a_claim(), resume=Resume(pause, feedback)))

    assert told.resume == child.Resume(
        child.Pause("review", outcomes=("yes", "no"), saved={"step": 3}),
        child.Feedback(child.Action.CONTINUE, "good", "yes"),
    )


def test_what_was_spent_is_what_all_runs_used_this_ones_lost_tries_included() -> None:
    claim = a_claim()
    claim = replace(claim, run=replace(claim.run, usage=USED), spent=(USED, USED), raises=2)

    told = job(claim)

    assert told.spent == {"gpt": {"calls": 3, "prompt_tokens": 270}}
    assert told.raises == 2


def test_a_check_builds_the_crew_and_runs_nothing() -> None:
    definition: CrewDefinition = replace(crew(), approve_tools=("refund",), time_limit=timedelta(1))

    told = check_job(definition, model={"MODEL": "m"}, extra={}, storage="/tmp/job")

    assert told.only_check
    assert (told.target, told.approve_tools) == ("some.where:Crew", ("refund",))
    assert [phase.name for phase in told.phases] == ["planning", "analysis", "finalization"]
    assert (told.phase, told.inputs) == ("", {})


def test_a_crew_that_described_itself_is_answered_with_what_was_written_down() -> None:
    answer = phases_message(a_claim(crew(after=("analysis",)), phase=0))

    assert isinstance(answer, Phases)
    assert [phase.name for phase in answer.phases] == ["planning", "analysis", "finalization"]
    assert (answer.phase, answer.pauses) == ("planning", ("analysis",))
