"""Valid crews.yml files are loaded."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from textwrap import dedent

import pytest

from crew_runner.config.registry import load_crews
from storage.definitions import (
    Budget,
    CrewKind,
    Limits,
    OnTimeout,
    PhaseDefinition,
    Workspace,
)
from tests.crew_runner.test_crews_file import GOOD

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "crews.yml"


def test_the_shipped_file_has_the_plan_with_its_three_checkpoints() -> None:
    plan = load_crews(ROOT / "crews.yml")["plan"]

    assert plan.kind is CrewKind.CREW
    assert [phase.name for phase in plan.phases] == [
        "planning",
        "analysis",
        "strategy",
        "finalization",
    ]
    assert [checkpoint.name for checkpoint in plan.checkpoints] == [
        "after_planning",
        "after_analysis",
        "before_finalization",
    ]
    assert all(checkpoint.description for checkpoint in plan.checkpoints)
    assert (plan.tries, plan.time_limit) == (3, timedelta(minutes=30))


def test_rules_of_the_crew_are_the_defaults_of_its_checkpoints(file: Path) -> None:
    file.write_text(
        dedent("""
        crews:
          plan:
            crew: shop.crews:PlanCrew
            approvers: ["@requester", U012AB, SADMINS]
            except_requester: true
            timeout: 1h30m
            on_timeout: skip
            time_limit: 90s
            tries: 1
            checkpoints:
              - {name: a, after: one}
              - name: b
                after: two
                approvers: ["@channel"]
                except_requester: false
                timeout: 2d
                on_timeout: fail
        """)
    )
    plan = load_crews(file)["plan"]
    first, second = plan.checkpoints

    assert plan.rule == first.rule
    assert first.rule.approvers == ("@requester", "U012AB", "SADMINS")
    assert (first.rule.except_requester, first.rule.on_timeout) == (True, OnTimeout.SKIP)
    assert first.rule.timeout == timedelta(minutes=90)
    assert second.rule.approvers == ("@channel",)
    assert (second.rule.except_requester, second.rule.on_timeout) == (False, OnTimeout.FAIL)
    assert second.rule.timeout == timedelta(days=2)
    assert (plan.tries, plan.time_limit, plan.phases) == (1, timedelta(seconds=90), ())


def test_models_tools_and_budgets_are_loaded(file: Path) -> None:
    file.write_text(
        dedent("""
        crews:
          plan:
            crew: shop.crews:PlanCrew
            model: openrouter/a/b
            approve_tools: [send_mail, book]
            budget: {tokens: 20000, dollars: 0.5}
            limits: {model_calls: 40, output_bytes: 100000, memory_megabytes: 512}
          bare: {crew: "shop.crews:PlanCrew"}
        """)
    )
    plan, bare = load_crews(file).values()

    assert (plan.model, plan.approve_tools) == ("openrouter/a/b", ("send_mail", "book"))
    assert plan.budget == Budget(20000, 0.5)
    assert plan.limits == Limits(model_calls=40, output_bytes=100000, memory_megabytes=512)
    assert (bare.model, bare.approve_tools, bare.budget) == (None, (), Budget())


def test_a_pause_inside_a_crew_may_have_its_own_rule(file: Path) -> None:
    file.write_text(
        dedent("""
        crews:
          shop:
            crew: shop.flows:ShopFlow
            approvers: ["@channel"]
            checkpoints:
              - {gate: refund, approvers: [U0BOSS], timeout: 2h, description: Pay it back}
              - {gate: publish}
        """)
    )
    shop = load_crews(file)["shop"]
    refund, publish = shop.gates

    assert shop.checkpoints == ()
    assert (refund.name, refund.rule.approvers) == ("refund", ("U0BOSS",))
    assert (refund.rule.timeout, refund.description) == (timedelta(hours=2), "Pay it back")
    assert (publish.name, publish.rule.approvers) == ("publish", ("@channel",))


def test_limits_and_lessons_are_loaded(file: Path) -> None:
    file.write_text(
        dedent("""
        crews:
          plan:
            crew: shop.crews:PlanCrew
            limits:
              revisions: 0
              at_once: 3
              per_person: 1
              starts_per_hour: 20
            lessons: true
          bare: {crew: "shop.crews:PlanCrew"}
        """)
    )
    plan, bare = load_crews(file).values()

    assert plan.limits == Limits(revisions=0, at_once=3, per_person=1, starts_per_hour=20)
    assert plan.lessons
    assert (bare.limits, bare.lessons) == (Limits(), False)


def test_before_a_phase_means_after_the_previous_one(file: Path) -> None:
    file.write_text(GOOD.replace("after: first", "before: second"))
    [checkpoint] = load_crews(file)["plan"].checkpoints

    assert (checkpoint.after, checkpoint.before) == ("first", None)


def test_a_command_crew_without_phases_has_the_phase_run(file: Path) -> None:
    file.write_text("crews: {do: {command: [python, -m, do, 3], cwd: /srv, env: {A: 1}}}")
    do = load_crews(file)["do"]

    assert do.kind is CrewKind.COMMAND
    assert do.command == ("python", "-m", "do", "3")
    assert do.phases == (PhaseDefinition("run"),)
    assert (do.cwd, do.env) == ("/srv", {"A": "1"})


def test_a_project_is_relative_to_the_file_and_the_rest_to_the_project(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ana")
    file.write_text(
        dedent("""
        crews:
          found: {project: ../launch}
          named:
            project: ~/launch
            crew: src/launch/flow.yaml
            python: .venv/bin/python
            env: {DATABASE_URL: sqlite:///own.db}
            workspace: shared
            revise: false
          program: {project: launch, command: [./run], cwd: jobs}
        """)
    )

    found, named, program = load_crews(file).values()

    assert found.kind is CrewKind.CREW
    assert (found.project, found.target) == (str(file.parent.parent / "launch"), None)
    assert (found.workspace, found.revise, found.python) == (Workspace.COPY, True, None)
    assert (named.project, named.target) == ("/home/ana/launch", "src/launch/flow.yaml")
    assert named.python == "/home/ana/launch/.venv/bin/python"
    assert named.env == {"DATABASE_URL": "sqlite:///own.db"}
    assert (named.workspace, named.revise) == (Workspace.SHARED, False)
    assert (program.project, program.cwd) == (str(file.parent / "launch"), "jobs")
