"""A crew's own project, as a folder of its own that no test package is in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from storage.definitions import CheckpointDefinition, CrewDefinition, CrewKind, PhaseDefinition
from tests.crew_runner.harness import RULE

_MODULE = '''
import re
from collections.abc import Mapping
from pathlib import Path

from crewai import Agent, Crew, Task
from crewai.llms.base_llm import BaseLLM


class Writer(BaseLLM):
    """Writes one line, and what `extra` does."""

    def call(self, messages, *_others, **_named):
        text = messages if isinstance(messages, str) else "\\n".join(
            str(message["content"]) for message in messages
        )
        subject = re.findall(r"about (\\S+)\\.", text)[0]
        {extra}
        return f"Thought: I know\\nFinal Answer: text about {{subject}}"


def crew():
    agent = Agent(
        role="writer", goal="write", backstory="short", llm=Writer(model="writer"), max_iter=2
    )
    tasks = [
        Task(
            name=name,
            description="Write about {{message}}.",
            expected_output="text",
            agent=agent,
            output_file=file,
        )
        for name, file in {tasks!r}
    ]
    return Crew(agents=[agent], tasks=tasks)
'''


def desk(
    folder: Path,
    *after: str,
    tasks: Mapping[str, str | None] | None = None,
    extra: str = "pass",
    **more: object,
) -> CrewDefinition:
    """A crew of a new project in `folder`, with one phase for each task, which writes a file.

    `extra` is a statement that its model runs at each call. There is a checkpoint after each phase
    in `after`.
    """
    tasks = tasks or {"draft": "report.md"}
    folder.mkdir(parents=True, exist_ok=True)
    module = _MODULE.format(extra=extra, tasks=list(tasks.items()))
    (folder / "desk.py").write_text(module)
    return CrewDefinition(
        name=folder.name,
        kind=CrewKind.CREW,
        target="desk:crew",
        project=str(folder),
        phases=tuple(PhaseDefinition(name, (name,)) for name in tasks),
        checkpoints=tuple(
            CheckpointDefinition(f"after_{name}", RULE, after=name) for name in after
        ),
        **more,  # type: ignore[arg-type] # any other field
    )
