"""Approved files are written into the project: in order, as a whole, and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from crew_runner.host import project_lock
from crew_runner.host.publishing import Publisher, write_file
from crew_runner.host.workspaces import NoPlace
from storage.definitions import CrewDefinition
from storage.kept_files import KeptFile, StoredFile
from storage.records import Action, OutputFile, PhaseOutput
from tests.crew_runner.harness import Harness, crew
from tests.support.processes import wait_until


@pytest.fixture
def harness(tmp_path: Path) -> Harness:
    return Harness(tmp_path / "publishing.db")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "desk"
    folder.mkdir()
    return folder


@pytest.fixture
def publisher(harness: Harness) -> Publisher:
    return Publisher(harness.state, harness.reads)


def of(project: Path) -> CrewDefinition:
    return replace(crew("desk", {"draft": ["draft"]}, "draft"), project=str(project))


def approve(harness: Harness, project: Path, *files: KeptFile) -> str:
    """Run an execution that wrote these files, and approve it. Returns its id."""
    execution_id = harness.start(of(project), "apples")
    claim = harness.state.claim("worker")
    assert claim is not None
    listed = tuple(OutputFile(file.path, len(file.content or b"")) for file in files)
    harness.state.phase_done(claim, PhaseOutput("text", files=listed), files=files)
    harness.decide(harness.checkpoint(execution_id), Action.CONTINUE)
    return execution_id


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_files_get_their_folders_content_and_mode_and_deleted_ones_go(
    harness: Harness, publisher: Publisher, project: Path
) -> None:
    (project / "old.md").write_text("old")
    approve(
        harness,
        project,
        KeptFile("out/deep/plot.bin", b"\0\xff", 0o600),
        KeptFile("run.sh", b"#!", 0o755),
        KeptFile("old.md", None),
        KeptFile("never-was.md", None),
    )

    publisher.publish_due()

    assert names(project) == ["out", "out/deep", "out/deep/plot.bin", "run.sh"]
    assert (project / "out/deep/plot.bin").read_bytes() == b"\0\xff"
    assert (project / "run.sh").stat().st_mode & 0o777 == 0o755
    assert harness.reads.projects_to_publish() == ()


def test_the_last_approval_wins(harness: Harness, publisher: Publisher, project: Path) -> None:
    for text in (b"first", b"second"):
        approve(harness, project, KeptFile("report.md", text))

    publisher.publish_due()

    assert (project / "report.md").read_bytes() == b"second"


def test_a_reader_sees_the_old_file_until_the_new_one_is_complete(
    harness: Harness, publisher: Publisher, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "report.md").write_text("old")
    approve(harness, project, KeptFile("report.md", b"new"))

    def breaks(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", breaks)
        publisher.publish_due()

    assert names(project) == ["report.md"]
    assert (project / "report.md").read_text() == "old"


def test_a_failed_publication_is_tried_again_after_a_pause(
    harness: Harness, publisher: Publisher, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution_id = approve(harness, project, KeptFile("report.md", b"text"))
    with monkeypatch.context() as broken:
        broken.setattr(os, "replace", lambda *_: os.stat("/nowhere"))
        publisher.publish_due()
    assert names(project) == []

    assert harness.reads.projects_to_publish() == ()

    def is_published() -> bool:
        publisher.publish_due()
        return names(project) == ["report.md"]

    wait_until(
        is_published,
        within=10,
        what="the second try",
        shown=lambda: harness.story(execution_id),
    )


def test_files_of_a_worker_that_died_before_it_recorded_them_are_written_again(
    harness: Harness, publisher: Publisher, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    approve(harness, project, KeptFile("report.md", b"text"), KeptFile("gone.md", None))

    def dies(*_: object, **__: object) -> None:
        raise SystemExit

    with monkeypatch.context() as broken:
        broken.setattr(harness.state, "record_published", dies)
        with pytest.raises(SystemExit):
            publisher.publish_due()
    Publisher(harness.state, harness.reads).publish_due()

    assert names(project) == ["report.md"]
    assert harness.reads.projects_to_publish() == ()


def test_a_worker_without_the_folder_leaves_the_files_to_another(
    harness: Harness, publisher: Publisher, project: Path
) -> None:
    project.rename(project.with_name("elsewhere"))
    approve(harness, project, KeptFile("report.md", b"text"))

    publisher.publish_due()
    publisher.publish_due()

    [waiting] = harness.reads.publications_due(str(project))
    assert waiting.attempts == 1
    project.with_name("elsewhere").rename(project)
    Publisher(harness.state, harness.reads).publish_due()
    assert names(project) == ["report.md"]


@pytest.mark.parametrize("use", [project_lock.publishing, project_lock.copying])
def test_nothing_is_published_while_a_worker_publishes_into_the_project_or_copies_it(
    harness: Harness,
    publisher: Publisher,
    project: Path,
    use: Callable[[Path], AbstractContextManager[object]],
) -> None:
    approve(harness, project, KeptFile("report.md", b"text"))
    with use(project):
        publisher.publish_due()
        assert names(project) == []

    publisher.publish_due()
    assert names(project) == ["report.md"]


@pytest.mark.parametrize("path", ["../outside.md", "link/outside.md", ".git/hooks/pre-commit"])
def test_a_file_that_would_leave_the_project_is_refused_and_the_others_are_written(
    harness: Harness, publisher: Publisher, project: Path, path: str
) -> None:
    (project / ".git/hooks").mkdir(parents=True)
    (project / "link").symlink_to("..")
    approve(harness, project, KeptFile(path, b"x"), KeptFile("report.md", b"text"))

    publisher.publish_due()

    assert (project / "report.md").read_text() == "text"
    assert not (project.parent / "outside.md").exists()
    assert not (project / ".git/hooks/pre-commit").exists()
    assert harness.reads.projects_to_publish() == ()


def test_a_file_does_not_replace_a_folder_nor_a_folder_a_file(project: Path) -> None:
    (project / "folder").mkdir()
    (project / "file").write_text("x")

    for path in ("folder", "file/below.md"):
        with pytest.raises(NoPlace):
            write_file(project, StoredFile(1, path, 1, 0o644, deleted=False, phase_index=0), b"x")


def test_a_link_that_a_file_replaces_is_not_followed(project: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.md"
    outside.write_text("outside")
    (project / "report.md").symlink_to(outside)

    file = StoredFile(1, "report.md", 4, 0o644, deleted=False, phase_index=0)
    write_file(project, file, b"text")

    assert outside.read_text() == "outside"
    assert (project / "report.md").read_text() == "text"
