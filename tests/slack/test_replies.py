"""What people write in a thread: several messages, files, names, and changed words."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from time import monotonic

import pytest

from storage.records import Execution
from storage.states import CheckpointState
from tests.slack.stage import Stage
from tests.support.message_snapshot import MessageSnapshot
from tests.support.workspace import ANA, BEN, REVIEWERS, Workspace

SLACK_WAITS = 2.0


@pytest.fixture
def waiting(stage: Stage) -> tuple[Execution, MessageSnapshot]:
    execution = stage.start()
    stage.work("The first draft.")
    return execution, stage.armed(execution)


def words(stage: Stage, execution: Execution) -> str:
    return stage.reads.phase_runs(execution.id)[-1].feedback


def wait_for_words(stage: Stage, execution: Execution, text: str) -> None:
    stage.workspace.wait_for(lambda: words(stage, execution) == text, what=f"the words “{text}”")


def test_several_messages_of_a_person_are_one_revision_and_all_shown(
    stage: Stage, workspace: Workspace, waiting: tuple[Execution, MessageSnapshot]
) -> None:
    execution, message = waiting

    workspace.mention("shorter", by=BEN, thread=message)
    stage.wait_until_read(message, f"Revision requested by <@{BEN}>")
    workspace.reply("and add the prices", by=BEN, thread=message)
    workspace.reply("in euros", by=BEN, thread=message)

    wait_for_words(stage, execution, "shorter\nand add the prices\nin euros")
    stage.wait_until_read(message, "in euros")
    assert workspace.ephemerals(BEN) == []
    assert [run.revision for run in stage.reads.phase_runs(execution.id)] == [1, 2]


def test_an_offer_that_a_revision_of_the_same_person_overtook_adds_to_it(
    stage: Stage, workspace: Workspace, waiting: tuple[Execution, MessageSnapshot]
) -> None:
    execution, message = waiting
    workspace.reply("in euros", by=BEN, thread=message)
    stage.answer_to(BEN, "Shall I take what you wrote as a revision?")
    workspace.mention("shorter", by=BEN, thread=message)
    stage.wait_until_read(message, "Revision requested")

    workspace.click("Use as the revision", by=BEN)

    stage.answer_to(BEN, "your words are added to the revision")
    assert words(stage, execution) == "shorter\nin euros"


def test_words_that_come_while_the_revision_runs_are_answered(
    stage: Stage, workspace: Workspace, waiting: tuple[Execution, MessageSnapshot]
) -> None:
    execution, message = waiting
    workspace.mention("shorter", by=BEN, thread=message)
    stage.wait_until_read(message, "Revision requested")
    stage.claim()

    workspace.reply("and in euros", by=BEN, thread=message)

    stage.answer_to(BEN, "The revision already runs without this.")
    assert words(stage, execution) == "shorter"


def test_a_changed_reply_changes_a_queued_revision_and_is_answered_when_it_runs(
    stage: Stage, workspace: Workspace, waiting: tuple[Execution, MessageSnapshot]
) -> None:
    execution, message = waiting
    reply = workspace.mention("start in Mai", by=BEN, thread=message)
    stage.wait_until_read(message, "start in Mai")

    workspace.edit(reply, f"{reply.text.replace('Mai', 'May')}")
    wait_for_words(stage, execution, "start in May")
    stage.claim()
    workspace.edit(reply, f"{reply.text.replace('Mai', 'June')}")

    stage.answer_to(BEN, "The revision runs with your first words.")
    assert words(stage, execution) == "start in May"


def test_code_and_nested_lists_reach_the_crew_as_they_were_typed(
    stage: Stage, workspace: Workspace, waiting: tuple[Execution, MessageSnapshot]
) -> None:
    execution, message = waiting
    typed = "use this:\n```services:\n  web:\n    image: x```\n• one\n    ◦ nested"

    workspace.mention(typed, by=BEN, thread=message)

    wait_for_words(stage, execution, typed)


def test_people_channels_and_groups_are_named(
    stage: Stage, workspace: Workspace, waiting: tuple[Execution, MessageSnapshot]
) -> None:
    execution, message = waiting
    general = workspace.channel("general").id

    workspace.mention(
        f"ask <@{ANA}> about <#{general}> and <!subteam^{REVIEWERS}>, not <@U0NOBODY>",
        by=BEN,
        thread=message,
    )

    wait_for_words(
        stage, execution, "ask @Ana Lindqvist about #general and @reviewers, not @U0NOBODY"
    )


def test_text_files_are_read_and_others_are_named_as_not_read(
    stage: Stage, workspace: Workspace, waiting: tuple[Execution, MessageSnapshot]
) -> None:
    execution, message = waiting

    workspace.attach(
        f"<@{workspace.practice.workspace.app.bot_user}> see the notes",
        {"notes.md": b"# Prices\n\n- 900 euros\n", "photo.png": b"\x89PNG\r\n\x1a\n\x00\x00"},
        by=BEN,
        thread=message,
    )

    wait_for_words(stage, execution, "see the notes\n\nnotes.md:\n\n# Prices\n\n- 900 euros")
    answer = stage.answer_to(BEN, "Not read")
    assert "*photo.png* (not a text file)" in answer
    assert "Your words count." in answer


def test_a_text_file_alone_is_a_revision_and_a_picture_alone_is_not(
    stage: Stage, workspace: Workspace, waiting: tuple[Execution, MessageSnapshot]
) -> None:
    execution, message = waiting
    mention = f"<@{workspace.practice.workspace.app.bot_user}>"

    workspace.attach(mention, {"photo.png": b"\x89PNG\x00"}, by=BEN, thread=message)
    stage.answer_to(BEN, "Please say it in words")
    assert stage.waiting(execution).state is CheckpointState.PENDING
    workspace.attach(mention, {"notes.txt": b"shorter"}, by=BEN, thread=message)

    wait_for_words(stage, execution, "notes.txt:\n\nshorter")


def test_a_long_file_is_named_as_not_read_and_the_words_count(
    stage: Stage, workspace: Workspace, waiting: tuple[Execution, MessageSnapshot]
) -> None:
    execution, message = waiting
    mention = f"<@{workspace.practice.workspace.app.bot_user}>"

    workspace.attach(f"{mention} shorter", {"log.txt": b"x" * 100_001}, by=BEN, thread=message)

    assert "*log.txt* (more than 100 kB of text)" in stage.answer_to(BEN, "Not read")
    assert words(stage, execution) == "shorter"


def test_without_the_permission_for_files_the_answer_says_so(
    stage: Stage, workspace: Workspace, waiting: tuple[Execution, MessageSnapshot]
) -> None:
    execution, message = waiting
    scopes = workspace.practice.workspace.app.scopes
    workspace.without_scopes("files:read")
    try:
        workspace.attach(
            f"<@{workspace.practice.workspace.app.bot_user}> shorter",
            {"notes.md": b"in euros"},
            by=BEN,
            thread=message,
        )
        assert "*notes.md* (Slack does not let me read it)" in stage.answer_to(BEN, "Not read")
    finally:
        workspace.scopes(*scopes)
    assert words(stage, execution) == "shorter"


def test_an_offered_reply_with_a_file_is_used_with_the_file(
    stage: Stage, workspace: Workspace, waiting: tuple[Execution, MessageSnapshot]
) -> None:
    execution, message = waiting

    workspace.attach("as in the notes", {"notes.md": b"in euros"}, by=BEN, thread=message)
    stage.answer_to(BEN, "Shall I take what you wrote as a revision?")
    workspace.click("Use as the revision", by=BEN)

    wait_for_words(stage, execution, "as in the notes\n\nnotes.md:\n\nin euros")


@pytest.mark.parametrize("typed", ["plan a summer campaign\nwith bees", "cancel 1a2b3c4d"])
def test_a_database_that_somebody_else_holds_is_answered_in_time_with_the_text_given_back(
    stage: Stage, workspace: Workspace, typed: str
) -> None:
    if typed.startswith("cancel"):
        typed = f"cancel {stage.start().id[:8]}"
    path = stage.engine.url.database
    assert path is not None
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        began = monotonic()
        workspace.command(typed, by=BEN)
        answer = stage.answer_to(BEN, "The database was too busy")
        took = monotonic() - began
    assert took < SLACK_WAITS
    assert f"/crew {typed}" in answer
