"""Crews in which something follows the yes of a person: callbacks, files, `after_kickoff`."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from crewai import Agent, Crew, Process, Task
from crewai.crews.crew_output import CrewOutput
from crewai.project import CrewBase, after_kickoff, agent, crew, task
from crewai.tasks.conditional_task import ConditionalTask
from crewai.tasks.task_output import TaskOutput
from pydantic import BaseModel

from tests.crew_runner.crews import Scribe
from tests.crew_runner.feature_crews import Manager

FOLDER = Path(os.environ.get("TESTS_FOLDER", "."))


def note(line: str) -> None:
    """Record that something happened, for the test to read."""
    with (FOLDER / "followed").open("a") as lines:
        lines.write(line + "\n")


def notes(what: str) -> Callable[[TaskOutput], None]:
    return lambda output: note(f"{what} {output.name}: {output.raw}")


def _agent(**more: Any) -> Agent:
    return Agent(role="writer", goal="to help", backstory="long", llm=Scribe(model="s"), **more)


def _task(name: str, by: Agent | None = None, kind: type[Task] = Task, **more: Any) -> Task:
    about = f"Do {name} about {{user_input}}."
    by = by or _agent()
    return kind(name=name, description=about, expected_output="a line", agent=by, **more)


def publishes() -> Crew:
    """Its first task asks; a callback and a file follow the yes."""
    draft = _task(
        "draft",
        human_input=True,
        callback=notes("published"),
        output_file=f"{FOLDER}/out/{{user_input}}.md",
        create_directory=True,
        markdown=True,
    )
    tasks = [draft, _task("tell", context=[draft])]
    return Crew(agents=[_agent()], tasks=tasks, task_callback=notes("crew noted"))


def publishes_last() -> Crew:
    """The task that asks is the last one."""
    tasks = [
        _task("collect", callback=notes("collected")),
        _task("draft", human_input=True, callback=notes("published")),
    ]
    return Crew(agents=[_agent()], tasks=tasks)


def publishes_by_the_crews_callback() -> Crew:
    """One function is the callback of the crew and of the task that does not ask."""
    log = notes("noted")
    tasks = [_task("collect", callback=log), _task("draft", human_input=True)]
    return Crew(agents=[_agent()], tasks=tasks, task_callback=log)


async def _publish_later(output: TaskOutput) -> None:
    note(f"published {output.name}: {output.raw}")


def publishes_by_a_coroutine() -> Crew:
    draft = _task("draft", human_input=True, callback=_publish_later)
    return Crew(agents=[_agent()], tasks=[draft, _task("tell")])


def _raise_once(output: TaskOutput) -> None:
    note(f"called back {output.raw}")
    if (FOLDER / "followed").read_text().count("called back") == 1:
        raise ConnectionRefusedError("the site is down")


def publishes_where_the_file_cannot_be_written() -> Crew:
    """The folder of its file is missing until the test makes it."""
    draft = _task(
        "draft",
        human_input=True,
        callback=notes("published"),
        output_file=f"{FOLDER}/missing/{{user_input}}.md",
        create_directory=False,
    )
    return Crew(agents=[_agent()], tasks=[draft, _task("tell")])


def its_callback_fails_once() -> Crew:
    draft = _task("draft", human_input=True, callback=_raise_once)
    return Crew(agents=[_agent()], tasks=[draft, _task("tell")])


def _fail(_output: TaskOutput) -> None:
    raise LookupError("nothing to tell")


def the_next_task_fails() -> Crew:
    """What follows the yes succeeds; then the next task fails."""
    draft = _task("draft", human_input=True, callback=notes("published"))
    return Crew(agents=[_agent()], tasks=[draft, _task("tell", callback=_fail)])


def _kill_once(_output: TaskOutput) -> None:
    if "killed" not in (FOLDER / "followed").read_text():
        note("killed")
        os.kill(os.getpid(), signal.SIGKILL)


def the_next_task_is_killed_once() -> Crew:
    draft = _task("draft", human_input=True, callback=notes("published"))
    return Crew(agents=[_agent()], tasks=[draft, _task("tell", callback=_kill_once)])


def concurrent() -> Crew:
    """Two tasks at once; the second asks."""
    tasks = [
        _task("left", async_execution=True, callback=notes("published")),
        _task("right", async_execution=True, human_input=True, callback=notes("published")),
        _task("tell"),
    ]
    return Crew(agents=[_agent()], tasks=tasks)


def conditional() -> Crew:
    """The task that asks is not run, as its condition does not hold."""
    draft = _task(
        "draft",
        kind=ConditionalTask,
        condition=lambda _output: False,
        human_input=True,
        callback=notes("published"),
        output_file=f"{FOLDER}/out/{{user_input}}.md",
    )
    return Crew(agents=[_agent()], tasks=[_task("first"), draft, _task("tell")])


def guarded() -> Crew:
    """A guardrail changes the answer before it is reviewed."""
    draft = _task(
        "draft",
        human_input=True,
        callback=notes("published"),
        guardrail=lambda output: (True, f"{output.raw} (checked)"),
        output_file=f"{FOLDER}/out/{{user_input}}.md",
    )
    return Crew(agents=[_agent()], tasks=[draft, _task("tell")])


def hierarchical() -> Crew:
    worker = Agent(
        role="worker", goal="to do", backstory="long", llm=Scribe(model="scribe"), cache=False
    )
    draft, tell = (
        Task(name=name, description=f"Do {name} about {{user_input}}.", expected_output="a line")
        for name in ("draft", "tell")
    )
    draft.human_input, draft.callback = True, notes("published")
    return Crew(
        agents=[worker],
        tasks=[draft, tell],
        process=Process.hierarchical,
        manager_llm=Manager(model="manager"),
    )


class Shape(BaseModel):
    kind: str
    sides: int


class Draws(Scribe):
    """Answers in words first; asked again for the structure, with what its words did not say."""

    answered: bool = False

    def supports_function_calling(self) -> bool:
        return False

    def call(self, messages: Any, *others: Any, **named: Any) -> Any:
        if self.answered:
            return json.dumps({"kind": "square", "sides": 4})
        self.answered = True
        return super().call(messages, *others, **named)


def typed() -> Crew:
    """Its output is typed, so its file contains the structure."""
    drawer = Agent(role="d", goal="to draw", backstory="long", llm=Draws(model="draws"))
    draft = _task(
        "draft",
        by=drawer,
        human_input=True,
        output_pydantic=Shape,
        output_file=f"{FOLDER}/out/{{user_input}}.json",
    )
    return Crew(agents=[drawer], tasks=[draft, _task("tell")])


@CrewBase
class SignsLast:
    """Its only task asks, and `after_kickoff` follows the yes."""

    agents_config: ClassVar[dict[str, Any]] = {}
    tasks_config: ClassVar[dict[str, Any]] = {}

    @after_kickoff
    def sign(self: Any, result: CrewOutput) -> CrewOutput:
        note(f"signed {len(result.tasks_output)}: {result.raw}")
        result.raw = f"{result.raw} — signed"
        return result

    @agent
    def writer(self: Any) -> Agent:
        return _agent()

    @task
    def draft(self: Any) -> Task:
        return _task("draft", by=self.writer(), human_input=True)

    @crew
    def crew(self: Any) -> Crew:
        return Crew(agents=[self.writer()], tasks=[self.draft()])
