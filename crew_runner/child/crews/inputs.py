"""The inputs of a crew's kickoff: what fills its placeholders, and what `before_kickoff` made."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from crewai import Crew

from ..crewai_internals import PLACEHOLDER
from ..messages import Job
from ..older_crewai import InterceptionPoint, get_global_hook_list
from ..records import PhaseOutput

Inputs: TypeAlias = Mapping[str, Any]

OTHER_SYNTAX: Final = re.compile(r"\$\{[^{}]*}|\{\{[^{}]*}}")
"""`${HOME}` of a shell and `{{ name }}` of a template engine."""
_READ_BY_CREWAI: Final = ("crewai_trigger_payload", "crew_chat_messages")


class KickoffInputs:
    """The inputs of one phase. `before_kickoff` runs once per execution.

    What it returned is stored with the first phase's output; what reviewers fill in afterwards is
    newer. If JSON cannot hold it, as with a
    file, `before_kickoff` runs in each phase.
    """

    def __init__(self, crew: Crew, job: Job) -> None:
        done = _first_stored(output for _phase, output in job.done)
        stored = _first_stored([] if job.previous is None else [job.previous])
        self.to_store = stored if done is None else None
        """What `before_kickoff` returned, if no earlier phase was stored with it."""
        self.values: Inputs | None = job.inputs
        returned = stored if done is None else done
        if returned is not None:
            crew.before_kickoff_callbacks = []
            lessons = {name: job.inputs[name] for name in ("lessons",) if name in job.inputs}
            self.values = {**returned, **lessons, **job.form_values}
        elif crew.before_kickoff_callbacks:
            crew.before_kickoff_callbacks = [*crew.before_kickoff_callbacks, self._keep]
        elif not _reads_inputs(crew, job.inputs):
            self.values = None

    def _keep(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Runs after the crew's own callbacks."""
        try:
            copy = json.loads(json.dumps(inputs, allow_nan=False))
        except (TypeError, ValueError, RecursionError):
            return inputs
        if copy == inputs:  # a tuple, for example, would come back as a list
            self.to_store = copy
        return inputs


def _first_stored(outputs: Iterable[PhaseOutput]) -> Inputs | None:
    return next((output.inputs for output in outputs if output.inputs is not None), None)


def _reads_inputs(crew: Crew, inputs: Inputs) -> bool:
    """Whether anything is to be filled in. If not, CrewAI gets no inputs and changes no text.

    A placeholder without an input counts, so that CrewAI reports it before a model is called.
    """
    text = "\n".join(_texts(crew))
    names = {*PLACEHOLDER.findall(text)}
    missing = PLACEHOLDER.findall(OTHER_SYNTAX.sub("", text))
    hooks = [getattr(InterceptionPoint, name, None) for name in ("EXECUTION_START", "INPUT")]
    return (
        bool(missing)
        or any(name in names or name in _READ_BY_CREWAI for name in inputs)
        or any(get_global_hook_list(point) for point in hooks if point is not None)
    )


def _texts(crew: Crew) -> Iterator[str]:
    for task in crew.tasks:
        yield from (task.description, task.expected_output, task.output_file or "")
    for agent in crew.agents:
        yield from (agent.role, agent.goal, agent.backstory)
