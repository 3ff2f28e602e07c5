"""crews.yml: what is understood, and what is refused with all that is wrong."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from textwrap import dedent

import pytest

from crew_runner.config.durations import parse_duration
from crew_runner.config.registry import CrewsFileError, load_crews
from storage.definitions import Budget, CrewKind, Limits, OnTimeout, PhaseDefinition

ROOT = Path(__file__).parent.parent.parent

GOOD = """
crews:
  plan:
    crew: shop.crews:PlanCrew
    phases:
      - {name: first, tasks: [one, two]}
      - {name: second, tasks: [three]}
    checkpoints:
      - {name: look, after: first, approvers: ["@channel"], timeout: 1h, on_timeout: stop}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "crews.yml"


def refused(file: Path, text: str) -> list[str]:
    """The lines that the file is refused with, without its path."""
    file.write_text(dedent(text))
    with pytest.raises(CrewsFileError) as refusal:
        load_crews(file)
    lines = str(refusal.value).splitlines()
    assert all(line.startswith(f"{file}: ") for line in lines)
    return [line.removeprefix(f"{file}: ") for line in lines]


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


def test_models_tools_and_budgets_are_read(file: Path) -> None:
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


def test_what_pauses_inside_a_crew_may_have_a_rule_of_its_own(file: Path) -> None:
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


def test_bounds_and_lessons_are_read(file: Path) -> None:
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


def test_before_a_phase_is_after_the_one_before_it(file: Path) -> None:
    file.write_text(GOOD.replace("after: first", "before: second"))
    [checkpoint] = load_crews(file)["plan"].checkpoints

    assert (checkpoint.after, checkpoint.before) == ("first", None)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("model: 4", "model: has to be a text, not the number 4"),
        ("approve_tools: search", "approve_tools: has to be a list of tool names"),
        ("approve_tools: []", "approve_tools: is empty"),
        ("approve_tools: [a, a]", "approve_tools: the name 'a' stands 2 times"),
        ("budget: 5", "budget: has to be a mapping of keys to values, not the number 5"),
        ("budget: {}", "budget: is empty: tokens or dollars is needed"),
        ("budget: {token: 5}", "budget.token: is not a known key; did you mean 'tokens'?"),
        ("budget: {tokens: 1.5}", "budget.tokens: 1.5 is not allowed: a whole number from 1"),
        ("budget: {dollars: 0}", "budget.dollars: 0 is not allowed: a number above 0"),
        ("budget: {dollars: .inf}", "budget.dollars: inf is not allowed: a number above 0"),
        ("budget: {dollars: true}", "budget.dollars: True is not allowed: a number above 0"),
        ("limits: {at_one: 5}", "limits.at_one: is not a known key; did you mean 'at_once'?"),
        ("limits: {at_once: 0}", "limits.at_once: 0 is not allowed: a whole number from 1"),
        ("limits: {revisions: -1}", "limits.revisions: -1 is not allowed: a whole number from 0"),
        ("limits: {}", "limits: is empty: one of model_calls, output_bytes"),
        ("lessons: often", "lessons: has to be true or false, not the text 'often'"),
    ],
)
def test_a_mistaken_bound_is_refused(file: Path, written: str, said: str) -> None:
    head = "crew: shop.crews:PlanCrew"
    lines = refused(file, GOOD.replace(head, f"{head}\n    {written}"))

    assert [line for line in lines if line.startswith(f"crews.plan.{said}")], lines


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("approve_tools: [a]", "approve_tools"),
        ("limits: {model_calls: 5}", "limits.model_calls"),
        ("checkpoints: [{gate: a, approvers: ['@channel']}]", "checkpoints[0].gate"),
    ],
)
def test_what_needs_a_look_into_the_crew_is_refused_for_programs(
    file: Path, written: str, key: str
) -> None:
    [line] = refused(file, f"crews:\n  do:\n    command: [x]\n    {written}\n")

    assert line.startswith(f"crews.do.{key}: is not allowed beside 'command'")


def test_a_command_crew_without_phases_has_the_phase_run(file: Path) -> None:
    file.write_text("crews: {do: {command: [python, -m, do, 3], cwd: /srv, env: {A: 1}}}")
    do = load_crews(file)["do"]

    assert do.kind is CrewKind.COMMAND
    assert do.command == ("python", "-m", "do", "3")
    assert do.phases == (PhaseDefinition("run"),)
    assert (do.cwd, do.env) == ("/srv", {"A": "1"})


@pytest.mark.parametrize(
    ("found", "instead", "said"),
    [
        (
            "timeout:",
            "timeuot:",
            "crews.plan.checkpoints[0].timeuot: is not a known key; did you mean 'timeout'?",
        ),
        ("phases:", "phase:", "crews.plan.phase: is not a known key; did you mean 'phases'?"),
        (
            "[one, two]",
            "[one, two], takss: []",
            "crews.plan.phases[0].takss: is not a known key; did you mean 'tasks'?",
        ),
        (
            'approvers: ["@channel"], ',
            "",
            "crews.plan.checkpoints[0].approvers: is missing, here and on the crew",
        ),
        (
            '["@channel"]',
            "[]",
            "checkpoints[0].approvers: is empty: at least one of",
        ),
        (
            '["@channel"]',
            '"@channel"',
            "checkpoints[0].approvers: has to be a list of @requester",
        ),
        (
            '["@channel"]',
            '["@everybody"]',
            "approvers[0]: '@everybody' is not allowed: @requester, @channel, a Slack",
        ),
        (
            '["@channel"]',
            "[alice]",
            "crews.plan.checkpoints[0].approvers[0]: 'alice' is not allowed",
        ),
        (
            '["@channel"]',
            '["@requester"], except_requester: true',
            "except_requester: leaves nobody who may decide",
        ),
        (
            '["@channel"]',
            '["@channel"], except_requester: maybe',
            "except_requester: has to be true or false, not the text 'maybe'",
        ),
        (
            "timeout: 1h",
            "timeout: 1 hour",
            "checkpoints[0].timeout: '1 hour' is not allowed: a duration such as 90s, 30m",
        ),
        (
            "timeout: 1h",
            "timeout: 60",
            "crews.plan.checkpoints[0].timeout: 60 is not allowed: a duration",
        ),
        (
            "on_timeout: stop",
            "on_timeout: stpo",
            "one of stop, continue, skip, fail is needed; did you mean 'stop'?",
        ),
        ("name: second", "name: first", "crews.plan.phases: the name 'first' stands 2 times"),
        ("[three]", "[two]", "crews.plan.phases: task 'two' stands in 'first' and 'second'"),
        ("[three]", "[]", "crews.plan.phases[1].tasks: is missing or empty"),
        (
            "after: first",
            "after: frist",
            "checkpoint 'look' names phase 'frist', which is not one of: first, second",
        ),
        (
            "after: first",
            "before: first",
            "crews.plan.checkpoints[0]: checkpoint 'look' stands before the first phase 'first'",
        ),
        (
            "after: first",
            "after: first, before: second",
            "crews.plan.checkpoints[0]: one of 'after' and 'before' has to name a phase",
        ),
        (
            "after: first, ",
            "",
            "crews.plan.checkpoints[0]: one of 'after' and 'before' has to name a phase",
        ),
        ("name: look, ", "", "crews.plan.checkpoints[0].name: is missing"),
        (
            "name: look",
            "name: two words",
            "crews.plan.checkpoints[0].name: 'two words' is not allowed",
        ),
        ("plan:", "two words:", "crews.two words: the name is not allowed: one word"),
        ("plan:", "help:", "crews.help: the name is not allowed: /crew help means something else"),
        (
            "plan:",
            "Lessons:",
            "crews.Lessons: the name is not allowed: /crew lessons means something else",
        ),
        ("plan:", "7:", "crews: the key 7 has to be a text: put it in quotes"),
        (
            "crew: shop.crews:PlanCrew",
            "description: nothing",
            "crews.plan: names nothing to run: 'crew' (module:name) or 'command' is needed",
        ),
        (
            "crew: shop.crews:PlanCrew",
            "crew: shop.crews.PlanCrew",
            "crews.plan.crew: 'shop.crews.PlanCrew' is not allowed: package.module:name is needed",
        ),
        (
            "crew: shop.crews:PlanCrew",
            "crew: shop.crews:PlanCrew\n    command: [x]",
            "crews.plan.command: stands beside 'crew'",
        ),
        (
            "crew: shop.crews:PlanCrew",
            "crew: shop.crews:PlanCrew\n    cwd: /srv",
            "crews.plan.cwd: is only allowed beside 'command'",
        ),
        (
            "crew: shop.crews:PlanCrew",
            "crew: shop.crews:PlanCrew\n    tries: 0",
            "crews.plan.tries: 0 is not allowed: a whole number from 1 to 20",
        ),
        (
            "crew: shop.crews:PlanCrew",
            "crew: shop.crews:PlanCrew\n    time_limit: never",
            "crews.plan.time_limit: 'never' is not allowed: a duration",
        ),
        (
            "crew: shop.crews:PlanCrew",
            "command: [x]\n    env: {SLACK_BOT_TOKEN: x}",
            "crews.plan.env.SLACK_BOT_TOKEN: is the bot's own",
        ),
        (
            "crew: shop.crews:PlanCrew",
            "command: x --now",
            "crews.plan.command: has to be a list of words, not the text 'x --now'",
        ),
        ("crews:", "crew:", "crew: is not a known key; did you mean 'crews'?"),
        (
            "    crew: shop.crews:PlanCrew",
            "    crew: shop.crews:PlanCrew\n    crew: other:Crew",
            "the key 'crew' stands 2 times",
        ),
        ("tasks: [three]}", "tasks: [three]", "line "),
    ],
)
def test_a_mistake_is_refused_with_its_key_and_what_is_allowed(
    file: Path, found: str, instead: str, said: str
) -> None:
    assert GOOD.count(found) >= 1
    problems = refused(file, GOOD.replace(found, instead, 1))

    assert said in "\n".join(problems)
    assert len(problems) == 1


def test_two_checkpoints_at_one_boundary_are_refused(file: Path) -> None:
    second = '      - {name: again, before: second, approvers: ["@channel"]}\n'

    [problem] = refused(file, GOOD + second)

    assert problem == (
        "crews.plan.checkpoints[1]: checkpoints 'look' and 'again' both stand after phase "
        "'first': one boundary takes one checkpoint"
    )


def test_all_that_is_wrong_is_said_at_once(file: Path) -> None:
    problems = refused(
        file,
        """
        crews:
          plan:
            crew: shop.crews:PlanCrew
            approver: ["@channel"]
            phases:
              - {name: first, tasks: [one]}
            checkpoints:
              - {name: look, after: first, timeout: soon, on_timeout: sleep}
          status: {command: [x]}
        """,
    )

    assert [problem.split(": ")[0] for problem in problems] == [
        "crews.plan.approver",
        "crews.plan.checkpoints[0].timeout",
        "crews.plan.checkpoints[0].on_timeout",
        "crews.plan.checkpoints[0].approvers",
        "crews.status",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has to be a mapping"),
        ("crews:", "crews: is missing or empty"),
        ("crews: {}", "crews: is missing or empty"),
        ("crews: [plan]", "crews: has to be a mapping of keys to values, not a list"),
        ("crews: {plan: }", "crews.plan: has to be a mapping of keys to values, not nothing"),
        ("crews: {plan: !!python/object:os.system {}}", "could not determine a constructor"),
        ("crews: {{a: 1}: 2}", ""),
    ],
)
def test_a_file_that_holds_no_crews_is_refused(file: Path, text: str, said: str) -> None:
    assert said in "\n".join(refused(file, text))


def test_a_missing_file_is_said_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(CrewsFileError, match=r"nowhere\.yml: the file does not exist"):
        load_crews(tmp_path / "nowhere.yml")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("30m", 1800),
        ("1h", 3600),
        ("1h30m", 5400),
        ("2d", 172_800),
        ("1d2h3m4s", 93_784),
    ],
)
def test_durations_are_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "1", "h", "30m1h", "-1h", "1.5h", "0s", "1w", "9999999999999d", "400d"]
)
def test_what_is_no_duration_is_none(text: str) -> None:
    assert parse_duration(text) is None
