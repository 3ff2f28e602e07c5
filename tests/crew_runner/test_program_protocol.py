"""One call of a program: JSON in, one JSON object out, and whatever noise it makes beside."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from crew_runner.child.failures import CrewProblem
from crew_runner.child.messages import Job, Progress
from crew_runner.child.program import build_command
from crew_runner.child.records import CrewKind, PhaseDefinition, PhaseOutput, TaskResult

DONE = '{"status": "complete", "output": "a plan"}'
PHASES = (PhaseDefinition("planning", ("plan", "check")), PhaseDefinition("posting", ("post",)))


def job(code: str, **more: Any) -> Job:
    return Job(CrewKind.COMMAND, command=(sys.executable, "-c", code), **more)


def run(code: str, **more: Any) -> tuple[PhaseOutput, list[Progress]]:
    """What the program gave, and the progress that it reported."""
    reported: list[Progress] = []
    called = job(code, **more)
    return build_command(called).run(called, reported.append), reported


def answering(*lines: str) -> str:
    """A program that writes these lines on stdout."""
    return f"print({chr(10).join(lines)!r})"


def told(**more: Any) -> dict[str, Any]:
    """What a program of this job reads on stdin."""
    echo = 'import json, sys; print(json.dumps({"status": "complete", "output": sys.stdin.read()}))'
    output, _ = run(echo, **more)
    read: dict[str, Any] = json.loads(output.output)
    return read


@pytest.mark.parametrize(
    "lines",
    [
        [DONE],
        ["loading…", DONE],
        [DONE, "bye"],
        ['{"status": "complete", "output": "a draft"}', DONE],
        [DONE, '{"level": "info"}'],
        ["{not json", DONE],
        [json.dumps({"status": "complete", "output": "a plan"}, indent=2)],
        ["[" * 5_000, DONE],
    ],
)
def test_the_last_object_with_a_status_is_the_answer(lines: Sequence[str]) -> None:
    output, _ = run(answering(*lines))

    assert output.output == "a plan"


def test_tasks_and_usage_are_taken_as_far_as_they_make_sense() -> None:
    answer = {
        "status": "complete",
        "output": "a plan",
        "task_outputs": [{"task": "plan", "agent": "Ana", "output": "x"}, {"output": None}],
        "token_usage": {"gpt": {"calls": 2, "total_tokens": 9, "note": "cheap"}, "total": 9},
    }
    output, _ = run(answering(json.dumps(answer)))

    assert output.tasks == (TaskResult("plan", "Ana", "x"), TaskResult("task_2", "", ""))
    assert output.usage == {"gpt": {"calls": 2, "total_tokens": 9}}


def test_an_output_without_tasks_is_the_result_of_its_phase_and_flat_usage_is_the_programs() -> (
    None
):
    answer = {"status": "complete", "output": "a plan", "token_usage": {"total_tokens": 9}}
    output, _ = run(answering(json.dumps(answer)), phases=PHASES, phase="planning")

    assert output.tasks == (TaskResult("planning", "", "a plan"),)
    assert output.usage == {"command": {"total_tokens": 9}}


@pytest.mark.parametrize(
    ("code", "words", "retryable"),
    [
        (answering('{"status": "error", "error": " no paper "}'), "failed: no paper", True),
        (answering('{"status": "error"}'), "it did not say why", True),
        (answering('{"status": "complete"}'), 'an "output" text', False),
        (answering('{"status": "done", "output": "x"}'), 'without "status": "complete"', False),
        (
            answering('{"status": "complete", "output": "x", "task_outputs": "y"}'),
            "must be a list of objects",
            False,
        ),
        (answering("hello"), "ended with exit code 0 without a readable answer", False),
        ("raise SystemExit(3)", "ended with exit code 3", False),
        ("import os; os.kill(os.getpid(), 15)", "was ended by signal 15", False),
        ("print('x' * (10 * 1024 * 1024))", "more than 10 MiB", False),
    ],
)
def test_another_answer_is_a_problem_in_words(code: str, words: str, retryable: bool) -> None:
    with pytest.raises(CrewProblem) as problem:
        run(code)

    assert words in problem.value.message
    assert problem.value.retryable is retryable


def test_the_last_lines_of_stderr_go_with_a_failure_and_not_into_its_words() -> None:
    with pytest.raises(CrewProblem) as problem:
        run("import sys; print('secret detail', file=sys.stderr)")

    assert "secret detail" in problem.value.detail
    assert "secret detail" not in problem.value.message


def test_progress_shows_the_task_at_work_those_done_and_those_to_come() -> None:
    lines = [
        '{"type": "progress", "agent": "Ana", "task": "plan"}',
        "noise",
        '{"type": "log", "task": "noise"}',
        '{"type": "progress", "agent": "Ben", "task": "check"}',
    ]
    code = f"import sys; print({chr(10).join(lines)!r}, file=sys.stderr); print({DONE!r})"

    _, (first, second) = run(code, phases=PHASES, phase="planning")

    assert [(t.task, t.agent, t.state) for t in first.tasks] == [
        ("plan", "Ana", "running"),
        ("check", "", "waiting"),
    ]
    assert [(t.task, t.agent, t.state) for t in second.tasks] == [
        ("plan", "Ana", "done"),
        ("check", "Ben", "running"),
    ]


def test_a_program_of_one_phase_reads_the_plain_inputs() -> None:
    assert told(inputs={"message": "a campaign"}) == {"message": "a campaign"}


def test_a_program_of_several_phases_reads_which_one_it_is_and_what_was_before() -> None:
    done = (("planning", PhaseOutput("a plan")),)

    assert told(phases=PHASES, phase="posting", done=done) == {
        "phase": "posting",
        "outputs": {"planning": "a plan"},
    }


@pytest.mark.parametrize(("revise", "named"), [((), {}), (("plan",), {"revise_tasks": ["plan"]})])
def test_a_revision_reads_the_words_and_the_earlier_output(
    revise: tuple[str, ...], named: dict[str, list[str]]
) -> None:
    previous = PhaseOutput("a long plan")

    assert told(feedback="shorter", previous=previous, revise=revise) == {
        "feedback": "shorter",
        "previous_output": "a long plan",
        **named,
    }


@pytest.mark.parametrize(
    ("answer", "revised"),
    [
        ({}, False),
        ({"revised": True}, True),
        ({"revised": False}, False),
        ({"revised": "yes"}, False),
    ],
)
def test_a_revision_counts_as_one_only_if_the_program_says_so(
    answer: dict[str, Any], revised: bool
) -> None:
    code = answering(json.dumps({"status": "complete", "output": "a plan", **answer}))

    output, _ = run(code, feedback="shorter", previous=PhaseOutput("a long plan"))
    first, _ = run(code)

    assert output.revised is revised
    assert first.revised


def test_a_program_that_reads_nothing_is_no_problem() -> None:
    output, _ = run(answering(DONE), inputs={"message": "x" * 1_000_000})

    assert output.output == "a plan"


def test_a_program_sees_its_own_variables_and_none_of_the_bots(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-secret")
    monkeypatch.setenv("OTHER", "x")
    code = (
        "import json, os; seen = ' '.join(sorted(os.environ)); "
        'print(json.dumps({"status": "complete", "output": seen}))'
    )
    own = {"REGION": "eu", "SLACK_APP_TOKEN": "xapp-of-its-own"}

    seen = run(code, env=own, model={"MODEL": "m"})[0].output.split()

    assert {"MODEL", "PATH", "REGION", "SLACK_APP_TOKEN"} <= set(seen)
    assert not {"SLACK_BOT_TOKEN", "OTHER"} & set(seen)


@pytest.mark.parametrize(
    ("command", "cwd", "words"),
    [
        (("./no-such-program",), None, "'./no-such-program' was not found"),
        (("no-such-program",), None, "'no-such-program' was not found"),
        (("true",), "/no/such/folder", "'/no/such/folder' does not exist"),
    ],
)
def test_a_program_that_cannot_be_found_is_named(
    command: tuple[str, ...], cwd: str | None, words: str
) -> None:
    with pytest.raises(CrewProblem, match=words):
        build_command(Job(CrewKind.COMMAND, command=command, cwd=cwd))


def test_a_program_is_found_from_the_crews_own_folder(tmp_path: Path) -> None:
    program = tmp_path / "plan.sh"
    program.write_text(f"#!/bin/sh\necho '{DONE}'\n")
    program.chmod(0o755)
    here = Job(CrewKind.COMMAND, command=("./plan.sh",), cwd=str(tmp_path))

    assert build_command(here).run(here, lambda _progress: None).output == "a plan"
    assert [phase.name for phase in build_command(here).describe().phases] == ["run"]
