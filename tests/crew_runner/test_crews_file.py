"""Invalid crews.yml files are refused with every problem."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from crew_runner.config.registry import CrewsFileError, load_crews
from storage.definitions import FormField, InputType

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
    """The lines of the error message, without the path of the file."""
    file.write_text(dedent(text))
    with pytest.raises(CrewsFileError) as refusal:
        load_crews(file)
    lines = str(refusal.value).splitlines()
    assert all(line.startswith(f"{file}: ") for line in lines)
    return [line.removeprefix(f"{file}: ") for line in lines]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("model: 4", "model: must be text, not the number 4"),
        ("approve_tools: search", "approve_tools: must be a list of tool names"),
        ("approve_tools: []", "approve_tools: is empty"),
        ("approve_tools: [a, a]", "approve_tools: duplicate name 'a'"),
        ("budget: 5", "budget: must be a mapping of keys to values, not the number 5"),
        ("budget: {}", "budget: is empty: set tokens or dollars"),
        ("budget: {token: 5}", "budget.token: is not a known key; did you mean 'tokens'?"),
        (
            "budget: {tokens: 1.5}",
            "budget.tokens: 1.5 is not allowed: expected a whole number from 1",
        ),
        ("budget: {dollars: 0}", "budget.dollars: 0 is not allowed: expected a number above 0"),
        (
            "budget: {dollars: .inf}",
            "budget.dollars: inf is not allowed: expected a number above 0",
        ),
        (
            "budget: {dollars: true}",
            "budget.dollars: True is not allowed: expected a number above 0",
        ),
        ("limits: {at_one: 5}", "limits.at_one: is not a known key; did you mean 'at_once'?"),
        (
            "limits: {at_once: 0}",
            "limits.at_once: 0 is not allowed: expected a whole number from 1",
        ),
        (
            "limits: {revisions: -1}",
            "limits.revisions: -1 is not allowed: expected a whole number from 0",
        ),
        ("limits: {}", "limits: is empty: set one of model_calls, output_bytes"),
        ("lessons: often", "lessons: must be true or false, not the text 'often'"),
    ],
)
def test_a_mistaken_bound_is_refused(file: Path, entry: str, message: str) -> None:
    head = "crew: shop.crews:PlanCrew"
    lines = refused(file, GOOD.replace(head, f"{head}\n    {entry}"))

    assert [line for line in lines if line.startswith(f"crews.plan.{message}")], lines


@pytest.mark.parametrize(
    ("entry", "key"),
    [
        ("approve_tools: [a]", "approve_tools"),
        ("limits: {model_calls: 5}", "limits.model_calls"),
        ("checkpoints: [{gate: a, approvers: ['@channel']}]", "checkpoints[0].gate"),
    ],
)
def test_keys_that_need_insight_into_the_crew_are_refused_for_programs(
    file: Path, entry: str, key: str
) -> None:
    [line] = refused(file, f"crews:\n  do:\n    command: [x]\n    {entry}\n")

    assert line.startswith(f"crews.do.{key}: is not allowed together with 'command'")


@pytest.mark.parametrize(
    ("original", "replacement", "message"),
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
            "checkpoints[0].approvers: is empty: name at least one of",
        ),
        (
            '["@channel"]',
            '"@channel"',
            "checkpoints[0].approvers: must be a list of @requester",
        ),
        (
            '["@channel"]',
            '["@everybody"]',
            "approvers[0]: '@everybody' is not allowed: expected @requester, @channel, a Slack",
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
            "except_requester: must be true or false, not the text 'maybe'",
        ),
        (
            "timeout: 1h",
            "timeout: 1 hour",
            "checkpoints[0].timeout: '1 hour' is not allowed: expected a duration such as 90s, 30m",
        ),
        (
            "timeout: 1h",
            "timeout: 60",
            "crews.plan.checkpoints[0].timeout: 60 is not allowed: expected a duration",
        ),
        (
            "on_timeout: stop",
            "on_timeout: stpo",
            "expected one of stop, continue, skip, fail; did you mean 'stop'?",
        ),
        ("name: second", "name: first", "crews.plan.phases: duplicate name 'first'"),
        ("[three]", "[two]", "crews.plan.phases: task 'two' is in 'first' and 'second'"),
        ("[three]", "[six, six]", "crews.plan.phases: task 'six' is in 'second' and 'second'"),
        ("[three]", "[]", "crews.plan.phases[1].tasks: is missing or empty"),
        (
            "after: first",
            "after: frist",
            "checkpoint 'look' names phase 'frist', which is not one of: first, second",
        ),
        (
            "after: first",
            "before: first",
            "crews.plan.checkpoints[0]: checkpoint 'look' is before the first phase 'first'",
        ),
        (
            "after: first",
            "after: first, before: second",
            "crews.plan.checkpoints[0]: set exactly one of 'after' and 'before'",
        ),
        (
            "after: first, ",
            "",
            "crews.plan.checkpoints[0]: set exactly one of 'after' and 'before'",
        ),
        ("name: look, ", "", "crews.plan.checkpoints[0].name: is missing"),
        (
            "name: look",
            "name: two words",
            "crews.plan.checkpoints[0].name: 'two words' is not allowed",
        ),
        ("plan:", "two words:", "crews.two words: the name is not allowed: expected one word"),
        ("plan:", "help:", "crews.help: the name is not allowed: /crew help is a built-in command"),
        (
            "plan:",
            "Lessons:",
            "crews.Lessons: the name is not allowed: /crew lessons is a built-in command",
        ),
        ("plan:", "7:", "crews: the key 7 must be text: put it in quotes"),
        (
            "crew: shop.crews:PlanCrew",
            "description: nothing",
            "crews.plan: names nothing to run: set 'project' (a folder), 'crew' (module:name) or "
            "'command'",
        ),
        (
            "crew: shop.crews:PlanCrew",
            "crew: shop.crews.PlanCrew",
            "crews.plan.crew: 'shop.crews.PlanCrew' is not allowed: expected package.module:name",
        ),
        (
            "crew: shop.crews:PlanCrew",
            "crew: shop.crews:PlanCrew\n    command: [x]",
            "crews.plan.command: is not allowed together with 'crew'",
        ),
        (
            "crew: shop.crews:PlanCrew",
            "crew: shop.crews:PlanCrew\n    cwd: /srv",
            "crews.plan.cwd: is only allowed together with 'command'",
        ),
        (
            "crew: shop.crews:PlanCrew",
            "crew: shop.crews:PlanCrew\n    tries: 0",
            "crews.plan.tries: 0 is not allowed: expected a whole number from 1 to 20",
        ),
        (
            "crew: shop.crews:PlanCrew",
            "crew: shop.crews:PlanCrew\n    time_limit: never",
            "crews.plan.time_limit: 'never' is not allowed: expected a duration",
        ),
        (
            "crew: shop.crews:PlanCrew",
            "crew: shop.crews:PlanCrew\n    env: {A: [1]}",
            "crews.plan.env.A: must be text, not a list",
        ),
        (
            "crew: shop.crews:PlanCrew",
            "crew: shop.crews:PlanCrew\n    python: .venv/bin/python",
            "crews.plan.python: is only allowed together with 'project'",
        ),
        (
            "crew: shop.crews:PlanCrew",
            "crew: shop.crews:PlanCrew\n    workspace: shared",
            "crews.plan.workspace: is only allowed together with 'project'",
        ),
        (
            "crew: shop.crews:PlanCrew",
            "project: shop\n    workspace: own",
            "crews.plan.workspace: 'own' is not allowed: expected one of copy, shared",
        ),
        (
            "crew: shop.crews:PlanCrew",
            "crew: crew.jsonc",
            "crews.plan.crew: 'crew.jsonc' is a file of a project: set 'project' to its folder",
        ),
        (
            "crew: shop.crews:PlanCrew",
            "project: shop\n    crew: ../crew.jsonc",
            "crews.plan.crew: '../crew.jsonc' is outside of the project",
        ),
        (
            "crew: shop.crews:PlanCrew",
            "project: shop\n    crew: crew.txt",
            "crews.plan.crew: 'crew.txt' is not allowed: expected package.module:name or, in a",
        ),
        (
            "crew: shop.crews:PlanCrew",
            "project: shop\n    command: [x]\n    python: .venv/bin/python",
            "crews.plan.python: is not allowed together with 'command': name the interpreter",
        ),
        (
            "crew: shop.crews:PlanCrew",
            "project: 7",
            "crews.plan.project: must be text, not the number 7",
        ),
        (
            "crew: shop.crews:PlanCrew",
            "project: shop\n    revise: never",
            "crews.plan.revise: must be true or false, not the text 'never'",
        ),
        (
            "crew: shop.crews:PlanCrew",
            "command: x --now",
            "crews.plan.command: must be a list of words, not the text 'x --now'",
        ),
        (
            "crew: shop.crews:PlanCrew",
            "command: []",
            "crews.plan.command: is empty: name the program and its arguments",
        ),
        (
            "after: first",
            "gate: refund",
            "crews.plan.checkpoints[0].name: is not allowed together with 'gate'",
        ),
        ("crews:", "crew:", "crew: is not a known key; did you mean 'crews'?"),
        (
            "    crew: shop.crews:PlanCrew",
            "    crew: shop.crews:PlanCrew\n    crew: other:Crew",
            "duplicate key 'crew'",
        ),
        ("tasks: [three]}", "tasks: [three]", "line "),
    ],
)
def test_a_mistake_is_refused_with_its_key_and_what_is_allowed(
    file: Path, original: str, replacement: str, message: str
) -> None:
    assert GOOD.count(original) >= 1
    problems = refused(file, GOOD.replace(original, replacement, 1))

    assert message in "\n".join(problems)
    assert len(problems) == 1


def test_two_checkpoints_at_one_boundary_are_refused(file: Path) -> None:
    second = '      - {name: again, before: second, approvers: ["@channel"]}\n'

    [problem] = refused(file, GOOD + second)

    assert problem == (
        "crews.plan.checkpoints[1]: checkpoints 'look' and 'again' are both after phase "
        "'first': one boundary takes one checkpoint"
    )


def test_all_problems_are_reported_at_once(file: Path) -> None:
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
          shop:
            crew: shop.crews:ShopCrew
            cwd: /srv
            checkpoints:
              - {name: look, after: first}
        """,
    )

    assert {problem.split(": ")[0] for problem in problems} == {
        "crews.plan.approver",
        "crews.plan.checkpoints[0].timeout",
        "crews.plan.checkpoints[0].on_timeout",
        "crews.status",
        "crews.shop.cwd",
        "crews.shop.checkpoints[0].approvers",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be a mapping"),
        ("crews:", "crews: is missing or empty"),
        ("crews: {}", "crews: is missing or empty"),
        ("crews: [plan]", "crews: must be a mapping of keys to values, not a list"),
        ("crews: {plan: }", "crews.plan: must be a mapping of keys to values, not nothing"),
        ("crews: {plan: !!python/object:os.system {}}", "could not determine a constructor"),
        ("crews: {{a: 1}: 2}", ""),
    ],
)
def test_a_file_without_crews_is_refused(file: Path, text: str, message: str) -> None:
    assert message in "\n".join(refused(file, text))


def test_a_missing_file_is_reported_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(CrewsFileError, match=r"nowhere\.yml: the file does not exist"):
        load_crews(tmp_path / "nowhere.yml")


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("budget", "form: must be a list of fields, each with a name, not the text 'budget'"),
        ("[]", "form: is empty: name its fields, or leave it out"),
        ("[budget]", "form[0]: must be a mapping of keys to values, not the text 'budget'"),
        ("[{label: Budget}]", "form[0].name: is missing: expected one word, as in {budget}"),
        ("[{name: the budget}]", "form[0].name: 'the budget' is not allowed: expected one word"),
        ("[{name: 2nd}]", "form[0].name: '2nd' is not allowed: expected one word"),
        ("[{name: 7}]", "form[0].name: 7 is not allowed: expected one word"),
        ("[{name: outputs}]", "form[0].name: 'outputs' is not allowed: Countersign fills it in"),
        ("[{name: a}, {name: b}, {name: a}]", "form: duplicate name 'a'"),
        ("[{name: a, kind: text}]", "form[0].kind: is not a known key"),
        ("[{name: a, type: yesno}]", "form[0].type: 'yesno' is not allowed: expected one of text"),
        ("[{name: a, type: json}]", "form[0].type: 'json' is not allowed: expected one of text"),
        ("[{name: a, type: choice}]", "form[0].choices: is missing: name the choices"),
        ("[{name: a, choices: []}]", "form[0].choices: is empty: name the choices, or leave it"),
        ("[{name: a, choices: [X]}]", "form[0].choices: names 1: expected 2 to 100 choices"),
        ("[{name: a, choices: [X, x]}]", "form[0].choices: names a choice twice"),
        ("[{name: a, type: date, choices: [X, Y]}]", "form[0].type: is not allowed together with"),
        ("[{name: a, min: 3}]", "form[0].min: is only allowed together with 'type: number'"),
        ("[{name: a, type: number, min: x}]", "form[0].min: must be a number, such as 3 or 2.5"),
        ("[{name: a, type: number, min: 3, max: 2}]", "form[0].max: 2 is less than 'min', which"),
        ("[{name: a, required: maybe}]", "form[0].required: must be true or false"),
        ("[{name: a}], timeout: 1h, on_timeout: continue", "form: is not allowed together with"),
    ],
)
def test_a_mistake_in_a_form_is_refused_with_its_key(file: Path, form: str, message: str) -> None:
    asked = f"""
    crews:
      plan:
        crew: shop.crews:PlanCrew
        approvers: ["@channel"]
        checkpoints:
          - {{name: look, after: first, form: {form}}}
    """

    [problem] = refused(file, asked)

    assert problem.startswith("crews.plan.checkpoints[0].")
    assert message in problem


def test_a_form_is_not_asked_where_no_phase_would_get_it(file: Path) -> None:
    asked = """
    crews:
      plan:
        crew: shop.crews:PlanCrew
        approvers: ["@channel"]
        approve_tools: [pay]
        checkpoints:
          - {gate: pay, form: [{name: budget}]}
          - {gate: question, form: [{name: budget}]}
          - {gate: gather, form: [{name: budget}]}
    """

    problems = refused(file, asked)

    assert [problem.split(":")[0] for problem in problems] == [
        "crews.plan.checkpoints[0].form",
        "crews.plan.checkpoints[1].form",
    ]


def test_a_form_is_read_with_its_defaults(file: Path) -> None:
    asked = """
    crews:
      plan:
        crew: shop.crews:PlanCrew
        approvers: ["@channel"]
        checkpoints:
          - name: look
            after: first
            summary: outline
            form:
              - {name: budget, label: Budget in euros, type: number, min: 10, max: 900}
              - {name: place, choices: [Lyon, Porto]}
              - {name: launch_date, type: date}
              - {name: press, type: yes_no}
              - {name: note, required: false}
    """
    file.write_text(dedent(asked))

    [checkpoint] = load_crews(file)["plan"].checkpoints

    assert checkpoint.summary == "outline"
    assert checkpoint.form == (
        FormField("budget", "Budget in euros", InputType.NUMBER, min=10, max=900),
        FormField("place", "Place", InputType.CHOICE, choices=("Lyon", "Porto")),
        FormField("launch_date", "Launch date", InputType.DATE),
        FormField("press", "Press", InputType.YES_NO),
        FormField("note", "Note", required=False),
    )


def test_a_timeout_that_continues_leaves_an_optional_form_blank(file: Path) -> None:
    asked = """
    crews:
      plan:
        crew: shop.crews:PlanCrew
        approvers: ["@channel"]
        timeout: 1h
        on_timeout: continue
        checkpoints:
          - {name: look, after: first, form: [{name: note, required: false}]}
    """
    file.write_text(dedent(asked))

    assert load_crews(file)["plan"].checkpoints[0].form
