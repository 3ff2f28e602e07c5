"""What the project's version of CrewAI cannot do, in words for people."""

from __future__ import annotations

from typing import Final

import crewai

from .failures import CrewProblem
from .messages import Job
from .older_crewai import VERSION
from .records import Budget

_HOOKS: Final = (1, 5)
_GATES_OF_OTHERS: Final = (1, 15)


def version() -> str:
    return crewai.__version__


def check_version(job: Job, installed: tuple[int, ...] = VERSION) -> None:
    """Raises CrewProblem if crews.yml asks for something that this CrewAI cannot do."""
    for is_wanted, oldest, what in (
        (bool(job.approve_tools), _HOOKS, "ask before it calls a tool (`approve_tools`)"),
        (job.budget != Budget(), _HOOKS, "stop at a budget (`budget`)"),
        (job.model_calls is not None, _HOOKS, "limit model calls (`model_calls`)"),
        (
            bool(job.gates_after or job.gates_before),
            _GATES_OF_OTHERS,
            "pause a flow at a method that crews.yml names",
        ),
    ):
        if is_wanted and installed < oldest:
            needed = ".".join(map(str, oldest))
            raise CrewProblem(
                f"This project's CrewAI {version()} cannot {what}. Use {needed} or newer: run "
                f"`uv add 'crewai>={needed}'` in the project."
            )
