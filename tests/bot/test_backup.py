"""`countersign backup` and `countersign restored`, as an operator runs them."""

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


def test_a_backup_is_made_and_a_database_restored_from_it_is_prepared(
    tmp_path: Path, prefork_server: PreforkServer
) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'countersign.db'}")
    upgrade(engine)
    Installation(engine).live()

    made = run(tmp_path, "backup", "backup.db", prefork_server=prefork_server)
    engine.dispose()
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout == (
        "backup.db is a copy of countersign.db as it was when the backup started.\n"
    )

    restored = run(
        tmp_path, "restored", prefork_server=prefork_server, DATABASE_URL="sqlite:///backup.db"
    )
    assert restored.returncode == 0, restored.stderr
    assert "The database has events up to 2026-03-02 12:00:00 UTC." in restored.stdout
    # The root messages of the runs that wait, run and start, and the checkpoint that waits.
    assert "the bot brings 4 messages in\nSlack to that state" in restored.stdout


def test_a_server_and_a_missing_file_are_refused_with_a_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def back_up(url: str) -> int:
        settings = load_settings(tmp_path / ".env", overrides={"DATABASE_URL": url})
        return backup.backup(settings, tmp_path / "backup.db")

    assert back_up("postgresql://host/countersign") == 2
    assert "Use pg_dump to back it up" in capsys.readouterr().err
    assert back_up(f"sqlite:///{tmp_path / 'none.db'}") == 1
    assert "There is no file" in capsys.readouterr().err
