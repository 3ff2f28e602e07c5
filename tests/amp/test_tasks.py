"""Which checkpoint a client of AMP means, and how far it sees an execution."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.amp import tasks
from storage.records import PhaseOutput, TaskResult
from tests.amp.test_answers import PHASE

LOOK = replace(
    PHASE,
    name="check_task",
    phase="writing",
    output=PhaseOutput("a draft", (TaskResult("draft_task", "Writer", "a draft"),)),
)


@pytest.mark.parametrize("name", ["draft_task", "c", "writing", "check_task"])
def test_the_task_that_waits_has_several_names(name: str) -> None:
    assert tasks.is_meant(name, LOOK, known=["draft_task"])


def test_the_name_of_another_task_means_that_task() -> None:
    assert not tasks.is_meant("check_task", LOOK, known=["draft_task", "check_task"])
