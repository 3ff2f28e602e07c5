"""`countersign backup` and `restored`, as an operator types them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.maintenance import backup
from bot.settings import load_settings
from storage.db.database import upgrade
from storage.db.engines import open_engine
from tests.support.installation import Installation
from tests.support.prefork_server import PreforkServer
from tests.support.processes import run


def test_a_backup_is_made_and_what_was_restored_from_it_is_prepared(
    tmp_path: Path, launchpad: PreforkServer
) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'countersign.db'}")
    upgrade(engine)
    Installation(engine).live()

    made = run(tmp_path, "backup", "backup.db", launchpad=launchpad)
    engine.dispose()
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout == "countersign.db as it stood when this began is in backup.db.\n"

    restored = run(tmp_path, "restored", launchpad=launchpad, DATABASE_URL="sqlite:///backup.db")
    assert restored.returncode == 0, restored.stderr
    assert "knows of what happened until 2026-03-02 12:00:00 UTC" in restored.stdout
    # The roots of the runs that wait, run and begin, and the checkpoint that waits.
    assert "the bot brings 4 messages in\nSlack to that state" in restored.stdout


def test_what_cannot_be_backed_up_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def asked(url: str) -> int:
        settings = load_settings(tmp_path / ".env", instead={"DATABASE_URL": url})
        return backup.backup(settings, tmp_path / "backup.db")

    assert asked("postgresql://host/countersign") == 2
    assert "pg_dump makes backups of that" in capsys.readouterr().err
    assert asked(f"sqlite:///{tmp_path / 'none.db'}") == 1
    assert "There is no file" in capsys.readouterr().err
