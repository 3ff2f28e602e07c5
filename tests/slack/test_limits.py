"""A crew's limits on starts and revisions, as people meet them."""

from __future__ import annotations

import pytest

from tests.slack.stage import Stage
from tests.support.workspace import ANA, BEN, Workspace


def test_a_start_beyond_the_limit_is_refused(stage: Stage, workspace: Workspace) -> None:
    stage.start("bounded a launch", by=ANA)

    assert workspace.command("bounded another", by=BEN).ok

    answer = stage.answer_to(BEN, "*bounded* allows 1 run at once")
    assert "Nothing was started" in answer


@pytest.mark.parametrize("way", ["click", "mention"])
def test_a_revision_too_many_is_refused_before_anybody_writes_it(
    stage: Stage, workspace: Workspace, way: str
) -> None:
    execution = stage.start("bounded a launch", by=ANA)
    stage.work()
    message = stage.armed(execution)
    workspace.mention("shorter", by=BEN, thread=message)
    stage.wait_until_read(message, "Revision requested")
    stage.work()
    message = stage.armed(execution)

    if way == "click":
        workspace.click("Revise", by=BEN, message=message)
    else:
        workspace.mention("shorter still", by=BEN, thread=message)

    stage.answer_to(BEN, "*bounded* allows a phase to be revised once, and it was")
    assert not workspace.has_view(BEN)
    workspace.click("Continue", by=BEN, message=message)
    stage.wait_until_read(message, f"Continued by <@{BEN}>")
