"""Whatever Slack does, a checkpoint ends up shown once and decidable, or a message says why not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from bot.slack.ids import DECISIONS
from bot.slack.outbound.delivery import DEFAULT_TIMING
from storage.records import Execution
from tests.slack.stage import Stage
from tests.support.message_snapshot import MessageSnapshot
from tests.support.workspace import ANA, BEN, Workspace


@pytest.fixture(autouse=True)
def no_faults_left(stage: Stage) -> Iterator[None]:
    yield
    stage.workspace.faults.clear()


def assert_shown_once_and_decidable(stage: Stage, execution: Execution) -> MessageSnapshot:
    message = stage.armed(execution)
    stage.workspace.wait_for(
        lambda: len(stage.about(execution)) == 1, what="one message of the checkpoint"
    )
    checkpoint = stage.waiting(execution)
    most = stage.workspace.most_live_at_once(
        lambda _, button: (
            (button.value or "").partition(" ")[0] if button.action_id in DECISIONS else None
        )
    )
    assert most[checkpoint.id] == 1
    assert stage.workspace.click("Continue", by=ANA, message=message).ok
    stage.wait_until_read(message, "Continued by")
    return message


@pytest.mark.parametrize("step", ["chat.postMessage", "chat.update"])
@pytest.mark.parametrize(
    "fault", ["lost_reply", "lost_request", "truncated", "server_error", "rate_limited"]
)
def test_one_message_of_the_checkpoint_however_a_call_fails(
    stage: Stage, workspace: Workspace, step: str, fault: str
) -> None:
    execution = stage.start()
    workspace.wait_for(lambda: not stage.outbox.has_pending())
    getattr(workspace.faults, fault)(step)

    stage.work()

    assert_shown_once_and_decidable(stage, execution)


@pytest.mark.parametrize("fault", ["lost_reply", "truncated", "lost_request"])
def test_one_root_message_however_its_post_fails(
    stage: Stage, workspace: Workspace, fault: str
) -> None:
    before = len(workspace.threads())
    getattr(workspace.faults, fault)("chat.postMessage")

    execution = stage.start()

    workspace.wait_for(lambda: not stage.outbox.has_pending())
    assert len(workspace.threads()) == before + 1
    assert stage.root(execution).button("Cancel run")


def test_retry_after_is_honoured_before_the_next_post(stage: Stage, workspace: Workspace) -> None:
    execution = stage.start()
    workspace.wait_for(lambda: not stage.outbox.has_pending())
    workspace.faults.rate_limited("chat.postMessage", retry_after=1)

    stage.work()
    stage.armed(execution)

    refused, posted = workspace.calls("chat.postMessage")[-2:]
    assert refused.status == 429
    assert posted.at - refused.at >= 1.0


def test_posts_keep_to_slacks_rate_limit_without_being_refused(
    own_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory
) -> None:
    own_workspace.slow_down(rate=1.0, burst=4.0)
    database = tmp_path_factory.mktemp("rate_limit") / "c.db"
    with Stage(own_workspace, database, timing=DEFAULT_TIMING):
        runs = [own_workspace.command(f"plan number {n}") for n in range(5)]
        assert all(run.ok for run in runs)
        own_workspace.wait_for(lambda: len(own_workspace.threads()) == 5)
    assert {call.status for call in own_workspace.calls("chat.postMessage")} == {200}


def test_a_crash_between_the_post_and_its_record_leads_to_the_same_message(
    stage: Stage, workspace: Workspace
) -> None:
    execution = stage.start()
    workspace.wait_for(lambda: not stage.outbox.has_pending())
    # The response is lost and the process ends before it can check: only the row is left.
    workspace.faults.lost_reply("chat.postMessage")
    workspace.faults.server_error("conversations.replies", times=None)
    stage.work()
    workspace.wait_for(lambda: len(stage.about(execution)) == 1)
    stage.restart(before_start=workspace.faults.clear)

    assert_shown_once_and_decidable(stage, execution)


def test_a_duplicate_without_buttons_is_removed(stage: Stage, workspace: Workspace) -> None:
    execution = stage.start()
    workspace.wait_for(lambda: not stage.outbox.has_pending())
    workspace.faults.lost_reply("chat.postMessage", times=1)
    workspace.faults.server_error("conversations.replies", times=None)
    stage.work()
    workspace.wait_for(lambda: len(stage.about(execution)) == 1)
    first = stage.about(execution)[0]
    copy_message(workspace, first)
    assert len(stage.about(execution)) == 2

    workspace.faults.clear()

    message = assert_shown_once_and_decidable_after_decision(stage, execution)
    assert message.ts == first.ts


def copy_message(workspace: Workspace, message: MessageSnapshot) -> None:
    """A second copy, as left by a post that was sent twice."""
    state = workspace.practice.workspace
    workspace.call(
        lambda: state.post(
            channel=message.channel,
            user=message.user,
            text=message.text,
            blocks=message.blocks,
            thread_ts=message.thread_ts,
            metadata=message.metadata,
        )
    )


def assert_shown_once_and_decidable_after_decision(
    stage: Stage, execution: Execution
) -> MessageSnapshot:
    message = stage.armed(execution)
    stage.workspace.wait_for(lambda: len(stage.about(execution)) == 1)
    stage.workspace.click("Continue", by=ANA, message=message)
    stage.wait_until_read(message, "Continued by")
    return message


def test_a_post_that_appears_long_after_it_was_lost_is_removed(
    stage: Stage, workspace: Workspace
) -> None:
    execution = stage.start()
    workspace.wait_for(lambda: not stage.outbox.has_pending())
    workspace.faults.lost_request("chat.postMessage")
    stage.work()
    message = stage.armed(execution)

    copy_message(workspace, message)

    workspace.wait_for(
        lambda: [m.ts for m in stage.about(execution)] == [message.ts], what="the copy to go"
    )


def test_a_post_so_slow_that_its_lease_expired_leaves_one_message(
    stage: Stage, workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    execution = stage.start()
    workspace.wait_for(lambda: not stage.outbox.has_pending())
    before = len(workspace.calls("chat.postMessage"))
    caplog.set_level("INFO", logger="bot.slack.outbound.delivery")
    workspace.faults.hang("chat.postMessage", 2.5)

    stage.work()
    workspace.wait_for(lambda: stage.is_sending(execution), what="the post to begin")
    stage.clock.move(timedelta(seconds=61))

    assert_shown_once_and_decidable(stage, execution)
    workspace.wait_for(
        lambda: len(workspace.calls("chat.postMessage")) >= before + 2, what="the slow post to end"
    )
    workspace.wait_for(
        lambda: len(about_all(stage, execution)) == 1, what="one message of the checkpoint"
    )
    workspace.wait_for(
        lambda: "delivery.lease_lost" in caplog.messages, what="the slow post to stop"
    )
    assert "delivery.failed" not in caplog.messages


def about_all(stage: Stage, execution: Execution) -> list[MessageSnapshot]:
    """Messages that show any checkpoint of the run."""
    ids = [checkpoint.id for checkpoint in stage.reads.checkpoints(execution.id)]
    return [m for m in stage.everywhere() if any(f"checkpoint:{i}" in str(m.metadata) for i in ids)]


def test_a_deleted_checkpoint_message_is_posted_again_when_it_changes(
    stage: Stage, workspace: Workspace
) -> None:
    execution = stage.start()
    workspace.wait_for(lambda: not stage.outbox.has_pending())
    workspace.faults.hang("chat.update", 2.0, times=2)  # of the root and of the checkpoint
    stage.work()
    unarmed = workspace.wait_for(lambda: stage.about(execution))[0]
    workspace.delete(unarmed)

    message = stage.armed(execution)

    assert message.ts != unarmed.ts
    assert_shown_once_and_decidable(stage, execution)


def test_a_deleted_root_is_posted_again_and_the_run_goes_on_under_it(
    stage: Stage, workspace: Workspace
) -> None:
    execution = stage.start()
    workspace.wait_for(lambda: not stage.outbox.has_pending())
    deleted = stage.root(execution)
    workspace.delete(deleted)

    stage.work()

    message = stage.armed(execution)
    assert stage.root(execution).ts != deleted.ts
    assert message.root_ts == stage.root(execution).ts


@pytest.mark.parametrize("error", ["invalid_blocks", "msg_too_long", "msg_blocks_too_long"])
def test_blocks_that_slack_rejects_are_replaced_by_plain_text_and_stay_decidable(
    stage: Stage, workspace: Workspace, error: str
) -> None:
    execution = stage.start()
    workspace.wait_for(lambda: not stage.outbox.has_pending())
    workspace.faults.error("chat.postMessage", error)

    stage.work("The text of the draft.")

    message = assert_shown_once_and_decidable(stage, execution)
    assert "The text of the draft." in message.everything
    assert "header" not in {block["type"] for block in message.blocks}


def test_a_bad_token_delays_and_loses_nothing(
    own_stage: Stage, own_workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    workspace, stage = own_workspace, own_stage
    execution = stage.start()
    workspace.wait_for(lambda: not stage.outbox.has_pending())
    workspace.faults.error("chat.postMessage", "invalid_auth")
    stage.work()
    workspace.wait_for(
        lambda: [r for r in caplog.records if r.message == "slack.token_refused"],
        what="a line in the log",
    )
    workspace.wait_for(lambda: not stage.reads.lease_owners(), what="the message to be postponed")

    stage.clock.move(timedelta(seconds=31))
    stage.front.deliver_due()

    assert_shown_once_and_decidable(stage, execution)


def test_a_long_output_is_clipped_and_whole_in_a_file_that_is_uploaded_once(
    stage: Stage, workspace: Workspace
) -> None:
    whole = "A long plan with <!channel> & 😀. " * 2000
    execution = stage.start()
    workspace.faults.lost_reply("files.completeUploadExternal")

    stage.work(whole)

    message = stage.armed(execution)
    assert "min to read, in the file above" in message.everything
    assert not message.pings.broadcasts
    workspace.wait_for(lambda: not stage.outbox.has_pending())
    files = [m for m in workspace.thread(message) if m.files]
    assert len(files) == 1
    assert workspace.file_text(files[0]) == whole
    output = next(m for m in workspace.thread(message) if "The rest follows below." in m.everything)
    assert output.ts < files[0].ts < message.ts


def test_an_output_that_is_shown_whole_needs_no_file(stage: Stage, workspace: Workspace) -> None:
    execution = stage.start()
    stage.work("short")
    message = stage.armed(execution)
    workspace.wait_for(lambda: not stage.outbox.has_pending())

    assert [m for m in workspace.thread(message) if m.files] == []


def test_the_requester_is_notified_of_a_message_that_cannot_be_shown(
    own_stage: Stage, own_workspace: Workspace
) -> None:
    workspace, stage = own_workspace, own_stage
    execution = stage.start(by=ANA)
    workspace.wait_for(lambda: not stage.outbox.has_pending())
    workspace.faults.error("chat.postMessage", "invalid_blocks", times=8)

    stage.work()

    words = "I could not show a checkpoint (Slack says `invalid_blocks`)"
    workspace.wait_for(
        lambda: any(words in m.text for m in stage.everywhere() if m.channel == workspace.dm(ANA)),
        timeout=60,
        what="a message to the requester",
    )
    assert stage.about(execution) == []


@pytest.mark.parametrize("error", ["invalid_blocks", "something_new", "metadata_too_large"])
def test_a_checkpoint_that_its_channel_refuses_in_every_form_moves_to_its_requester(
    own_stage: Stage, own_workspace: Workspace, error: str
) -> None:
    workspace, stage = own_workspace, own_stage
    execution = stage.start(by=ANA)
    workspace.wait_for(lambda: not stage.outbox.has_pending())
    campaigns = workspace.channel("campaigns").id
    workspace.faults.error("chat.postMessage", error, times=None, channel=campaigns)
    output = "An output that needs a message of its own. " * 30

    stage.work(output)

    message = stage.armed(execution, timeout=30)
    assert message.channel == workspace.dm(ANA)
    before = [m for m in stage.everywhere() if m.channel == message.channel and m.ts < message.ts]
    assert any(output.strip() in m.everything for m in before)
    assert workspace.click("Continue", by=ANA, message=message).ok


@pytest.mark.parametrize("error", ["cant_update_message", "edit_window_closed"])
def test_a_checkpoint_that_can_never_be_edited_is_posted_twice_and_then_moves_to_its_requester(
    own_stage: Stage, own_workspace: Workspace, error: str
) -> None:
    workspace, stage = own_workspace, own_stage
    execution = stage.start(by=ANA)
    workspace.wait_for(lambda: not stage.outbox.has_pending())
    campaigns = workspace.channel("campaigns").id
    workspace.faults.error("chat.update", error, times=None, channel=campaigns)

    stage.work()

    message = stage.armed(execution, timeout=30)
    assert message.channel == workspace.dm(ANA)
    assert [m.buttons for m in stage.about(execution) if m.channel == campaigns] == [[], []]


def test_every_call_is_made_without_parsing_or_unfurling(
    stage: Stage, workspace: Workspace
) -> None:
    execution = stage.start()
    stage.work()
    message = stage.armed(execution)
    workspace.click("Continue", by=BEN, message=message)
    stage.wait_until_read(message, "Continued by")

    for method in ("chat.postMessage", "chat.update"):
        for call in workspace.calls(method):
            sent = call.sent
            assert isinstance(sent, dict)
            assert sent["parse"] == "none"
            for switch in ("link_names", "unfurl_links", "unfurl_media"):
                assert str(sent[switch]).lower() in ("0", "false")
