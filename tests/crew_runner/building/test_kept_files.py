"""Code that prepares a crew runs in each phase, and the files of earlier phases survive it."""

from __future__ import annotations

from pathlib import Path

from crew_runner.child.building.kept_files import keeping_files
from crew_runner.child.messages import Job
from crew_runner.child.records import CrewKind, OutputFile, PhaseOutput


def job(project: Path, *files: str) -> Job:
    written = PhaseOutput("done", files=tuple(OutputFile(name, 4) for name in files))
    return Job(CrewKind.CREW, project=str(project), done=(("first", written),))


def test_files_that_the_preparation_removes_or_changes_are_restored(tmp_path: Path) -> None:
    sandbox = tmp_path / "sandbox"
    sandbox.mkdir()
    for name in ("design.md", "code.py", "own.txt"):
        (sandbox / name).write_text("kept")

    with keeping_files(job(tmp_path, "sandbox/design.md", "sandbox/code.py", "sandbox/gone")):
        for path in sandbox.iterdir():
            path.unlink()
        (sandbox / "code.py").write_text("empty")

    contents = {path.name: path.read_text() for path in sandbox.iterdir()}
    assert contents == {"design.md": "kept", "code.py": "kept"}


def test_without_files_of_earlier_phases_nothing_is_touched(tmp_path: Path) -> None:
    (tmp_path / "prepared.txt").write_text("old")

    with keeping_files(job(tmp_path)):
        (tmp_path / "prepared.txt").unlink()

    assert list(tmp_path.iterdir()) == []
