"""Files that a phase wrote: its checkpoint lists them, and its thread has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from bot.slack.render import files
from storage.decisions import Decision
from storage.kept_files import KeptFile
from storage.records import Action, Execution, OutputFile
from tests.slack.stage import Stage
from tests.support.factories import BEN, crew, output
from tests.support.message_snapshot import MessageSnapshot
from tests.support.workspace import Workspace

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A bot whose crew has a project."""
    database = tmp_path_factory.mktemp("stage") / "c.db"
    crews = {"plan": replace(crew(), project="/srv/plan")}
    with Workspace() as workspace, Stage(workspace, database, crews=crews) as ready:
        yield ready


def at_checkpoint(stage: Stage, *kept: KeptFile, more: Sequence[OutputFile] = ()) -> Execution:
    """A run whose first phase wrote these files."""
    execution = stage.start()
    write(stage, *kept, more=more)
    return execution


def write(stage: Stage, *kept: KeptFile, more: Sequence[OutputFile] = ()) -> None:
    listed = tuple(OutputFile(file.path, len(file.content or b"")) for file in kept)
    stage.state.phase_done(
        stage.claim(), replace(output("a plan"), files=(*listed, *more)), files=kept
    )


def posted(workspace: Workspace, message: MessageSnapshot, count: int) -> list[MessageSnapshot]:
    """The messages with files in the thread, once there are so many and no more are to come."""
    workspace.wait_for(
        lambda: len([m for m in workspace.thread(message) if m.files]) >= count,
        what=f"{count} files",
    )
    return [m for m in workspace.thread(message) if m.files]


def test_a_checkpoint_lists_the_files_and_posts_them_below(
    stage: Stage, workspace: Workspace
) -> None:
    execution = at_checkpoint(
        stage,
        KeptFile("out/report.md", b"# Report\n" + 2100 * b"x"),
        KeptFile("plot.png", PIXEL),
        KeptFile("data.bin", b"\0" * 48 * 1024),
        more=[OutputFile("huge.csv", 120 * 1024 * 1024, kept=False)],
    )

    message = stage.armed(execution)

    assert "files: out/report.md, plot.png, data.bin" in message.everything
    assert "1 not kept" in message.everything
    assert "Continue puts them into the project's folder." in message.everything
    report, plot = posted(workspace, message, 2)
    assert workspace.file_text(report).startswith("# Report\n")
    file = workspace.call(lambda: workspace.practice.workspace.files[plot.files[0]])
    assert (file.title, file.content, file.mimetype) == ("plot.png", PIXEL, "image/png")


def test_a_file_is_posted_once_although_slacks_reply_was_lost(
    stage: Stage, workspace: Workspace
) -> None:
    workspace.faults.lost_reply("files.completeUploadExternal")
    execution = at_checkpoint(stage, KeptFile("report.md", b"# Report"))
    message = stage.armed(execution)

    workspace.wait_for(lambda: not stage.outbox.has_pending(), what="delivery to end")

    assert len(posted(workspace, message, 1)) == 1


@pytest.mark.parametrize("error", ["file_type_not_allowed", "storage_limit_reached"])
def test_a_file_that_slack_refuses_is_named_as_not_posted(
    stage: Stage, workspace: Workspace, error: str
) -> None:
    workspace.faults.error("files.completeUploadExternal", error)
    execution = at_checkpoint(stage, KeptFile("out/report.md", b"# Report"))
    message = stage.armed(execution)

    workspace.wait_for(lambda: not stage.outbox.has_pending(), what="delivery to end")

    newest = workspace.thread(message)[-1]
    words = "out/report.md (8 bytes) is not posted here: Slack did not take the file."
    assert words in newest.text
    assert not newest.files


def test_each_revision_posts_its_own_file(stage: Stage, workspace: Workspace) -> None:
    execution = at_checkpoint(stage, KeptFile("report.md", b"first"))
    message = stage.armed(execution)
    posted(workspace, message, 1)
    revise = Decision(stage.waiting(execution).id, Action.REVISE, BEN, text="shorter")
    stage.state.decide(revise)
    write(stage, KeptFile("report.md", b"second"))

    files = posted(workspace, message, 2)

    assert [workspace.file_text(file) for file in files] == ["first", "second"]


def test_the_final_message_lists_and_posts_files_that_no_checkpoint_has_shown(
    stage: Stage, workspace: Workspace
) -> None:
    execution = stage.start()
    for _ in range(2):
        stage.work("a draft")
        stage.armed(execution)
        stage.state.decide(Decision(stage.waiting(execution).id, Action.CONTINUE, BEN))
    write(stage, KeptFile("report.md", b"the report"))

    root = stage.root(execution)
    final = workspace.wait_for(
        lambda: next(
            (m for m in workspace.thread(root) if "complete" in m.text and m.ts != root.ts), None
        )
    )

    assert "Files: report.md (10 bytes)" in final.everything
    assert "These are put into the project's folder." in final.everything
    files = [workspace.file_text(file) for file in posted(workspace, root, 2)]
    assert files == ["a plan", "the report"]


def test_after_the_decision_the_message_no_longer_says_what_continue_would_do(
    stage: Stage,
) -> None:
    execution = at_checkpoint(stage, KeptFile("report.md", b"text"))
    message = stage.armed(execution)
    stage.state.decide(Decision(stage.waiting(execution).id, Action.STOP, BEN))

    message = stage.wait_until_read(message, "Stopped")

    assert "project's folder" not in message.everything


def test_many_files_are_listed_in_part() -> None:
    listed = files.listed([OutputFile(f"{number}.md", 1) for number in range(13)])

    assert listed == [
        "Files: " + ", ".join(f"{number}.md (1 byte)" for number in range(10)) + " and 3 more"
    ]


def test_names_of_files_notify_nobody_and_link_nowhere() -> None:
    [line] = files.listed([OutputFile("<!channel> @here <http://x|y>\u202e.md", 1)])

    assert "<" not in line
    assert "\u202e" not in line
    assert "@here" not in line


def test_deleted_files_are_named() -> None:
    assert files.listed([OutputFile("old.md", 0, deleted=True)]) == ["Deleted: old.md"]
    assert files.listed([]) == []


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 bytes"), (1, "1 byte"), (1023, "1023 bytes"), (2150, "2.1 KB"), (10 * 2**20, "10 MB")],
)
def test_sizes_are_short(count: int, words: str) -> None:
    assert files.size(count) == words


def test_an_upload_keeps_the_files_name_and_ending() -> None:
    assert files.upload_name("out/my report.v2.md", "1a2b-1") == "my-report.v2-1a2b-1.md"
