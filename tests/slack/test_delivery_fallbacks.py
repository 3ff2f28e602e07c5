"""Nobody decides on what was not shown: whatever Slack refuses, the whole text comes first."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from bot.slack.ids import DECISIONS
from practice.state.records import Version
from storage.decisions import Decision
from storage.records import Action, Execution
from tests.slack.stage import Stage
from tests.support.factories import BEN
from tests.support.message_snapshot import MessageSnapshot, buttons, readable
from tests.support.workspace import ANA, Workspace

SHORT = "Ride more, and tell everybody."
MIDDLE = "".join(
    f"Sentence {number} of an output in a message of its own. " for number in range(40)
)
LONG = "".join(f"Line {number} of a long output.\n" for number in range(1200))

_ASIDE = re.compile(r"Part \d+ of \d+|This is the beginning\. The rest follows below\.")

REFUSED_FILES = [
    "storage_limit_reached",
    "file_uploads_disabled",
    "file_type_not_allowed",
    "file_upload_size_restricted",
    "missing_scope",
    "something_new",
]


@pytest.fixture(autouse=True)
def no_faults_left(stage: Stage) -> Iterator[None]:
    yield
    stage.workspace.faults.clear()


def started(stage: Stage) -> Execution:
    execution = stage.start()
    stage.workspace.wait_for(lambda: not stage.outbox.has_pending())
    return execution


def above(stage: Stage, card: MessageSnapshot) -> list[MessageSnapshot]:
    """The replies that were in the card's thread before it had buttons."""
    journal = stage.workspace.journal
    armed = next(n for n, version in enumerate(journal) if _is_armed(version, card))
    early = {version.ts for version in journal[:armed]}
    thread = stage.workspace.thread(card)
    return [m for m in thread if m.ts in early and m.ts not in (card.ts, card.root_ts)]


def _is_armed(version: Version, card: MessageSnapshot) -> bool:
    return version.ts == card.ts and any(b.action_id in DECISIONS for b in buttons(version.blocks))


def text_above(stage: Stage, card: MessageSnapshot) -> str:
    """All of them, files included, without white space and without what the bot says itself."""
    texts = []
    for message in above(stage, card):
        if message.files:
            texts.append(stage.workspace.file_text(message))
        else:
            texts += list(readable(message.blocks)) or [message.text]
    return "".join("".join(text for text in texts if not _ASIDE.fullmatch(text)).split())


def assert_decidable_once(stage: Stage, execution: Execution) -> None:
    card = stage.armed(execution)
    assert [m.ts for m in stage.about(execution) if m.buttons] == [card.ts]
    assert stage.workspace.click("Continue", by=ANA, message=card).ok
    stage.wait_until_read(card, "Continued by")


@pytest.mark.parametrize(
    ("error", "method"),
    [
        *((error, "files.completeUploadExternal") for error in REFUSED_FILES),
        ("file_uploads_disabled", "files.getUploadURLExternal"),
    ],
)
def test_a_file_that_slack_refuses_becomes_messages_before_the_buttons_appear(
    stage: Stage, workspace: Workspace, error: str, method: str
) -> None:
    execution = started(stage)
    workspace.faults.error(method, error, times=None)

    stage.work(LONG)

    card = stage.armed(execution, timeout=20)
    assert "min to read, in the messages above" in card.everything
    assert not any(m.files for m in workspace.thread(card))
    assert "".join(LONG.split()) in text_above(stage, card)
    assert_decidable_once(stage, execution)


def test_no_page_is_posted_twice_although_the_bot_dies_between_two(
    own_stage: Stage, own_workspace: Workspace
) -> None:
    stage, workspace = own_stage, own_workspace
    execution = stage.start()
    workspace.wait_for(lambda: not stage.outbox.has_pending())
    workspace.faults.error("files.getUploadURLExternal", "file_uploads_disabled", times=None)
    workspace.faults.lost_reply("chat.postMessage", times=1, skip=2)  # the second of the pages
    workspace.faults.server_error("conversations.replies", times=None)
    stage.work(LONG)
    workspace.wait_for(lambda: len(workspace.thread(stage.root(execution))) == 4)
    stage.restart(before_start=workspace.faults.clear)
    workspace.faults.error("files.getUploadURLExternal", "file_uploads_disabled", times=None)

    card = stage.armed(execution, timeout=20)

    texts = [m.text for m in above(stage, card)]
    assert len(texts) == len(set(texts)) > 3
    shown = text_above(stage, card)
    assert all(shown.count(f"Line{number}ofalongoutput.") == 1 for number in (0, 500, 1199))


REFUSED_BLOCKS = [
    ("invalid_attachments", 1),
    ("attachment_payload_limit_exceeded", 2),
    ("block_mismatch", 1),
    ("msg_blocks_too_long", 2),
    ("something_new", 3),
    ("something_new", 6),
]


@pytest.mark.parametrize(("error", "times"), REFUSED_BLOCKS)
def test_a_card_in_a_simpler_form_appears_after_the_whole_text(
    stage: Stage, workspace: Workspace, error: str, times: int
) -> None:
    execution = started(stage)
    workspace.faults.error("chat.postMessage", error, times=times)

    stage.work(SHORT)

    card = stage.armed(execution, timeout=20)
    assert "The whole text is in the file above." in card.everything
    assert "".join(SHORT.split()) in text_above(stage, card)
    assert_decidable_once(stage, execution)


@pytest.mark.parametrize(("error", "times"), REFUSED_BLOCKS)
def test_a_card_that_was_posted_gets_simpler_buttons_after_the_whole_text(
    stage: Stage, workspace: Workspace, error: str, times: int
) -> None:
    execution = started(stage)
    workspace.faults.error("chat.update", error, times=times)

    stage.work(SHORT)

    card = stage.armed(execution, timeout=20)
    if "The whole text is in the file above." in card.everything:
        assert "".join(SHORT.split()) in text_above(stage, card)
    else:  # the first message of the thread was updated first
        assert SHORT in card.everything
    assert_decidable_once(stage, execution)


def test_a_card_whose_blocks_are_all_refused_is_a_sentence_that_says_how_to_decide(
    stage: Stage, workspace: Workspace
) -> None:
    execution = started(stage)
    workspace.faults.error("chat.postMessage", "invalid_blocks", times=3)

    stage.work(SHORT)

    workspace.wait_for(lambda: stage.about(execution), what="the card")
    workspace.wait_for(lambda: not stage.outbox.has_pending())
    [card] = stage.about(execution)
    assert card.blocks == []
    assert "The whole text is in the file above." in card.text
    assert "mention me in this thread to decide" in card.text
    workspace.mention("shorter, please", by=ANA, thread=card)
    stage.wait_until_read(card, "Revision requested")


@pytest.mark.parametrize("error", ["invalid_attachments", "something_new"])
def test_an_output_whose_blocks_are_refused_is_whole_in_a_file(
    stage: Stage, workspace: Workspace, error: str
) -> None:
    execution = started(stage)
    workspace.faults.error("chat.postMessage", error, times=1 if error != "something_new" else 3)

    stage.work(MIDDLE)

    card = stage.armed(execution, timeout=20)
    [file] = [m for m in above(stage, card) if m.files]
    assert workspace.file_text(file) == MIDDLE
    assert_decidable_once(stage, execution)


def test_neither_blocks_nor_files_and_still_the_whole_text_comes_first(
    stage: Stage, workspace: Workspace
) -> None:
    execution = started(stage)
    workspace.faults.error("files.getUploadURLExternal", "storage_limit_reached", times=None)
    workspace.faults.error("chat.postMessage", "invalid_attachments", times=2)

    stage.work(MIDDLE)

    card = stage.armed(execution, timeout=20)
    assert "".join(MIDDLE.split()) in text_above(stage, card)
    assert_decidable_once(stage, execution)


@pytest.mark.parametrize(
    "error",
    [
        "invalid_metadata_format",
        "invalid_metadata_schema",
        "metadata_too_large",
        "metadata_must_be_sent_from_app",
    ],
)
def test_a_card_without_metadata_is_found_again_after_a_crash(
    own_stage: Stage, own_workspace: Workspace, error: str
) -> None:
    stage, workspace = own_stage, own_workspace
    execution = started(stage)
    workspace.faults.error("chat.postMessage", error)
    workspace.faults.lost_reply("chat.postMessage", skip=1)
    workspace.faults.server_error("conversations.replies", times=None)
    stage.work(SHORT)
    root = stage.root(execution)
    workspace.wait_for(lambda: len(workspace.thread(root)) == 2, what="the card")
    stage.restart(before_start=workspace.faults.clear)

    card = workspace.wait_for(lambda: workspace.message_with("Continue", thread=root))

    assert card.metadata is None
    assert SHORT in card.everything
    assert [m.ts for m in workspace.thread(root)] == [root.ts, card.ts]
    assert workspace.click("Continue", by=ANA, message=card).ok
    stage.wait_until_read(card, "Continued by")


def test_a_result_that_slack_takes_no_file_of_is_posted_as_messages(
    stage: Stage, workspace: Workspace
) -> None:
    execution = stage.start()
    for _ in range(2):
        stage.work(SHORT)
        stage.armed(execution)
        stage.state.decide(Decision(stage.waiting(execution).id, Action.CONTINUE, BEN))
    workspace.faults.error("files.getUploadURLExternal", "storage_limit_reached", times=None)

    stage.work(LONG)

    workspace.wait_for(lambda: not stage.outbox.has_pending(), what="delivery to end")
    thread = workspace.thread(stage.root(execution))
    [final] = [m for m in thread if m.text.startswith("The execution is complete:")]
    assert "The whole result follows below." in final.everything
    below = "".join("".join(readable(m.blocks)) for m in thread if m.ts > final.ts)
    assert "Line 0 of a long output." in below
    assert "Line 1199 of a long output." in below


def test_a_short_result_says_nothing_of_a_file_that_slack_refuses(
    stage: Stage, workspace: Workspace
) -> None:
    execution = stage.start()
    for _ in range(2):
        stage.work(SHORT)
        stage.armed(execution)
        stage.state.decide(Decision(stage.waiting(execution).id, Action.CONTINUE, BEN))
    workspace.faults.error("files.getUploadURLExternal", "storage_limit_reached", times=None)

    stage.work(SHORT)

    workspace.wait_for(lambda: not stage.outbox.has_pending(), what="delivery to end")
    newest = workspace.thread(stage.root(execution))[-1]
    assert newest.text.startswith("The execution is complete:")
    assert "file" not in newest.everything


def test_a_card_that_has_to_move_takes_its_output_along(
    own_stage: Stage, own_workspace: Workspace
) -> None:
    stage, workspace = own_stage, own_workspace
    execution = started(stage)
    workspace.faults.error("chat.update", "is_archived", channel=execution.channel, times=None)

    stage.work(MIDDLE)

    card = stage.armed(execution, timeout=20)
    assert card.channel == workspace.dm(ANA)
    before = [m for m in stage.everywhere() if m.channel == card.channel and m.ts < card.ts]
    assert any(MIDDLE.strip() in m.everything for m in before)
