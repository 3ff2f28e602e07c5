"""The copies of an execution are at one path, one at a time, and none stays behind."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from crew_runner.host.copy_folders import copy_folder, remove_stale_copies


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def left(temporary: Path) -> list[str]:
    return [path.name for root in temporary.iterdir() for path in root.iterdir()]


def test_each_phase_of_an_execution_has_the_same_path_and_starts_empty(
    tmp_path: Path, temporary: Path
) -> None:
    paths = []
    for _ in range(2):
        with copy_folder("run1", fallback=tmp_path / "other") as folder:
            assert not folder.exists()
            folder.mkdir()
            (folder / "left.txt").write_text("x")
            paths.append(folder)

    assert paths[0] == paths[1]
    assert left(temporary) == []
    assert next(temporary.iterdir()).stat().st_mode & 0o777 == 0o700


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    with copy_folder("run1", fallback=tmp_path / "first") as first:
        first.mkdir()
        with copy_folder("run1", fallback=tmp_path / "second") as second:
            assert second == tmp_path / "second"
        with copy_folder("run2", fallback=tmp_path / "third") as third:
            assert third.name == "run2"
        assert first.is_dir()


def test_what_a_killed_worker_left_is_removed(tmp_path: Path, temporary: Path) -> None:
    with copy_folder("run1", fallback=tmp_path / "other") as folder:
        root = folder.parent
        (root / "run0").mkdir()
        (root / "run0.lock").touch()
        folder.mkdir()
        for lock in root.glob("*.lock"):
            os.utime(lock, (0, 0))

        remove_stale_copies()

        assert sorted(left(temporary)) == ["run1", "run1.lock"]


def test_a_folder_that_others_can_write_to_is_not_used(tmp_path: Path, temporary: Path) -> None:
    with copy_folder("run1", fallback=tmp_path / "other") as folder:
        root = folder.parent
    root.chmod(0o777)

    with copy_folder("run1", fallback=tmp_path / "other") as folder:
        assert folder == tmp_path / "other"
