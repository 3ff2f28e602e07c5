"""A bot on a restored database, with a Slack that is newer than the backup."""

from __future__ import annotations

from pathlib import Path

from bot.slack.ids import DECISIONS
from storage.db.backup import after_restore, back_up
from storage.db.database import upgrade
from storage.db.engines import open_engine
from tests.slack.stage import Stage
from tests.support.workspace import ANA, BEN, Workspace


def test_slack_is_brought_back_to_the_backup_and_nothing_is_posted_twice(
    own_workspace: Workspace, tmp_path: Path
) -> None:
    workspace, copy = own_workspace, tmp_path / "backup.db"
    with Stage(workspace, tmp_path / "c.db") as stage:
        waits, decided, opened = (stage.start(f"plan campaign {n}") for n in range(3))
        stage.work()
        stage.work()
        first, second = stage.armed(waits), stage.armed(decided)
        workspace.wait_for(lambda: not stage.outbox.has_pending())
        # A run whose root message Slack has not accepted when the backup is made.
        workspace.faults.rate_limited("chat.postMessage", retry_after=1)
        assert workspace.command("/crew plan a late one", by=ANA).ok
        late = next(e for e in stage.reads.executions() if e.request.message == "a late one")
        back_up(stage.engine.url, copy)

        assert workspace.click("Stop", by=BEN, message=second).ok
        stage.wait_until_read(second, "Stopped by")
        stage.work()
        newer = stage.armed(opened)
        workspace.wait_for(lambda: stage.reads.execution(late.id).thread_ts is not None)
        unknown = stage.start("plan something that the backup does not know")
    posted = len(workspace.threads())

    engine = open_engine(f"sqlite:///{copy}")
    upgrade(engine)
    assert after_restore(engine) > 0
    engine.dispose()
    with Stage(workspace, copy) as stage:
        workspace.wait_for(lambda: not stage.outbox.has_pending(), what="Slack to be brought back")
        # Found, not posted again: its thread is the old one.
        assert len(workspace.threads()) == posted
        thread = stage.reads.execution(late.id).thread_ts
        assert [m.ts for m in workspace.threads() if "a late one" in m.everything] == [thread]

        # What was stopped after the backup waits again, and says so where it said Stopped.
        assert "Stopped by" not in workspace.again(second).everything
        assert workspace.click("Continue", by=BEN, message=workspace.again(second)).ok
        stage.wait_until_read(second, "Continued by")
        assert workspace.click("Continue", by=BEN, message=workspace.again(first)).ok

        # A click on a checkpoint that the backup does not contain decides nothing and is
        # answered; the phase runs again and opens a new checkpoint.
        workspace.click("Continue", by=BEN, message=newer)
        stage.answer_to(BEN, "no longer")
        stage.work()
        stage.work()
        stage.work()
        again = stage.armed(opened)
        assert again.ts != newer.ts
        assert workspace.click("Continue", by=ANA, message=again).ok
        assert unknown.id not in {one.id for one in stage.reads.executions()}

    most = workspace.most_live_at_once(
        lambda _, button: (
            (button.value or "").partition(" ")[0] if button.action_id in DECISIONS else None
        )
    )
    assert set(most.values()) == {1}
