"""CrewAI without the runner, for comparison: `python -m tests.bench.bare crew|flow`.

Builds the shipped crew, or the flow, and runs it once for each line on stdin; prints how many
seconds each run took. The flow runs from gate to gate with CrewAI's own means: each gate ends the
run and stores the pending feedback in CrewAI's SQLite file, from which it is resumed. Nothing of
the runner is in this process.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Never

from crewai import Flow
from crewai.flow.async_feedback.types import HumanFeedbackPending, PendingFeedbackContext
from crewai.flow.flow_config import flow_config

from crew_runner.crews.content_plan.crew import ContentPlanCrew
from tests.bench.flows import Notes


class Pauses:
    """A provider at which every gate pauses."""

    def request_feedback(self, context: PendingFeedbackContext, flow: Flow[Any]) -> Never:
        del flow
        raise HumanFeedbackPending(context=context)


def crew(inputs: dict[str, str]) -> Callable[[], object]:
    """The timed part, for a crew that is already built."""
    return partial(ContentPlanCrew().crew().kickoff, inputs=inputs)


def flow(inputs: dict[str, str]) -> Callable[[], object]:
    return partial(_to_the_end, Notes(), inputs["user_input"])


def _to_the_end(notes: Notes, subject: str) -> object:
    result = notes.kickoff(inputs={"user_input": subject})
    while isinstance(result, HumanFeedbackPending):
        result = Notes.from_pending(result.context.flow_id).resume("")
    return result


def main() -> None:
    prepared = {"crew": crew, "flow": flow}[sys.argv[1]]
    flow_config.hitl_provider = Pauses()
    for line in sys.stdin:
        run = prepared(json.loads(line))
        began = time.perf_counter()
        run()
        sys.stdout.write(f"took {time.perf_counter() - began}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
