"""A run from the command to its result, as people in Slack see it."""

from __future__ import annotations

from storage.states import ExecutionState
from tests.slack.stage import Stage
from tests.support.workspace import ANA, BEN, Workspace


def test_a_run_goes_from_the_command_to_its_result_by_clicks(
    stage: Stage, workspace: Workspace
) -> None:
    execution = stage.start("plan a summer campaign for a bicycle shop", by=ANA)
    root = stage.root(execution)
    assert "a summer campaign for a bicycle shop" in root.everything
    assert ANA in workspace.notified(root)

    stage.work("# The plan\n\nRide to the lake.")
    first = stage.armed(execution)
    assert first.root_ts == root.ts
    assert "Review the planning" in first.everything
    assert "Ride to the lake." in first.everything
    assert "Checkpoint 1 of 2 · after planning" in first.everything
    assert workspace.live_buttons(first) == ["Continue to analysis", "Revise", "Skip", "Stop"]

    assert workspace.click("Continue", by=BEN, message=first).ok
    decided = stage.wait_until_read(first, "Continued by")
    assert f"<@{BEN}>" in decided.everything
    assert decided.buttons == []

    stage.work("The analysis.")
    second = stage.armed(execution)
    assert workspace.click("Continue to finalization", by=ANA, message=second).ok
    stage.work("The final strategy: sell bells.")

    final = workspace.wait_for(
        lambda: next(
            (m for m in stage.everywhere() if m.text.startswith("The execution is complete")), None
        )
    )
    assert "sell bells" in final.everything
    assert stage.reads.execution(execution.id).state is ExecutionState.COMPLETED
    files = workspace.wait_for(lambda: [m for m in workspace.thread(root) if m.files])
    assert workspace.file_text(files[-1]) == "The final strategy: sell bells."
    stage.wait_until_read(root, "The execution is complete")
    assert stage.root(execution).buttons == []
