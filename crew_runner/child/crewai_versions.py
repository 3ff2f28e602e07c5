"""What the project's version of CrewAI cannot do, in words for people."""

from __future__ import annotations

from collections.abc import Collection
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
    for is_wanted, what in (
        (bool(job.approve_tools), "ask before it calls a tool (`approve_tools`)"),
        (job.budget != Budget(), "stop at a budget (`budget`)"),
        (job.model_calls is not None, "limit model calls (`model_calls`)"),
    ):
        if is_wanted:
            _require(_HOOKS, what, installed)


def check_flow_version(methods: Collection[str], installed: tuple[int, ...] = VERSION) -> None:
    """Raises CrewProblem if a flow is to pause at methods, which this CrewAI cannot do."""
    if methods:
        _require(_GATES_OF_OTHERS, "pause a flow at a method that crews.yml names", installed)


def _require(oldest: tuple[int, ...], what: str, installed: tuple[int, ...]) -> None:
    if installed < oldest:
        needed = ".".join(map(str, oldest))
        raise CrewProblem(
            f"This project's CrewAI {version()} cannot {what}. Use {needed} or newer: run "
            f"`uv add 'crewai>={needed}'` in the project."
        )
