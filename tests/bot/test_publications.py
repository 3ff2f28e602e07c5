"""The doctor names projects into which approved files could not be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.doctor.publications import check_publications
from bot.settings import load_settings
from storage.kept_files import KeptFile
from tests.crew_runner.harness import Harness
from tests.crew_runner.test_publishing import approve


def test_files_that_could_not_be_written_are_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'c.db'}")
    assert list(check_publications(load_settings())) == []
    harness = Harness(tmp_path / "c.db")
    approve(harness, tmp_path / "desk", KeptFile("report.md", b"text"))
    assert list(check_publications(load_settings())) == []
    [publication] = harness.reads.publications_due(str(tmp_path / "desk"))

    harness.state.record_not_published(publication, "Read-only file system.")

    [finding] = check_publications(load_settings())
    assert finding.line() == (
        f"! Approved files: those of one phase wait to be written into {tmp_path / 'desk'}: "
        "Read-only file system.\n    → Make the folder exist and writable on a host with a "
        "worker, which tries again."
    )
