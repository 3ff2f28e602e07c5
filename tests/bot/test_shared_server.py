"""What the doctor finds where processes share a server."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from bot.bootstrap import open_database
from bot.doctor import shared_server
from bot.doctor.shared_server import check_sharing
from bot.findings import Finding, Mark
from bot.settings import VARIABLES, load_settings
from bot.version import VERSION
from tests.support.postgres import Server

Check = Callable[..., dict[str, Finding]]


@pytest.fixture(params=["postgresql"])
def check(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """The findings on a new database of the server, by what they are about."""
    for name in os.environ:
        if name in VARIABLES or name.startswith("COUNTERSIGN_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DATABASE_URL", server.database())

    def checked(**variables: str) -> dict[str, Finding]:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return {found.about: found for found in check_sharing(load_settings(tmp_path / ".env"))}

    return checked


@pytest.fixture
def opened(check: Check, tmp_path: Path) -> Iterator[Engine]:
    """As the scheduler opens the database."""
    engine = open_database(load_settings(tmp_path / ".env"), role="scheduler")
    yield engine
    engine.dispose()


def test_all_is_well_on_a_server_that_a_scheduler_has_opened(check: Check, opened: Engine) -> None:
    with opened.connect():
        found = check()

    assert {f.mark for f in found.values()} == {Mark.GOOD}, found
    assert found["Clock"].found == "the server's and this host's agree"
    told = found["Connections"].found
    assert "a process may open 22 (twice COUNTERSIGN" in told
    assert re.search(r"^\d+ of \d+ are taken; .*there is room for \d+ more$", told)
    assert found["Processes"].found == f"connected: countersign {VERSION} scheduler (1)"
    assert found["Queue"].found == "Procrastinate's tables are up to date"


def test_a_pool_that_the_server_cannot_feed_is_told(check: Check) -> None:
    found = check(COUNTERSIGN_DATABASE_POOL="300")["Connections"]

    assert found.mark is Mark.WARNING
    assert "a process may open 602" in found.found
    assert "Lower COUNTERSIGN_DATABASE_POOL" in found.mend


def test_another_version_beside_is_told(
    check: Check, opened: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_server, "VERSION", "0.1.9")
    with opened.connect():
        found = check()["Processes"]

    assert (found.mark, "not all are of this version (0.1.9)" in found.found) == (
        Mark.WARNING,
        True,
    )


@pytest.mark.parametrize("role", ["worker", "serve --no-scheduler"])
def test_that_nobody_does_what_is_due_is_told(
    check: Check, opened: Engine, tmp_path: Path, role: str
) -> None:
    alone = open_database(load_settings(tmp_path / ".env"), role=role)
    with alone.connect():
        opened.dispose()
        found = check()["Scheduler"]
        with opened.connect():
            assert "Scheduler" not in check()
    alone.dispose()

    assert found.mark is Mark.WARNING
    assert "no deadline passes" in found.found


def test_a_clock_that_is_off_is_told(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = text("SELECT clock_timestamp() + interval '90 s'")
    monkeypatch.setattr(shared_server, "_NOW", ahead)
    assert "differs from this host's by 90 s" in check()["Clock"].found
    monkeypatch.setattr(shared_server, "_NOW", text("SELECT clock_timestamp() - interval '90 s'"))
    assert "differs from this host's by 90 s" in check()["Clock"].found
    assert timedelta(seconds=shared_server.SKEW_SECONDS) < timedelta(seconds=90)


def test_tables_of_the_queue_that_are_missing_or_old_are_told(check: Check, opened: Engine) -> None:
    with opened.begin() as connection:
        connection.execute(
            text(
                "DELETE FROM countersign_procrastinate_steps WHERE name ="
                " (SELECT max(name) FROM countersign_procrastinate_steps)"
            )
        )
    old = check()["Queue"]
    url = opened.url.render_as_string(hide_password=False)
    bare = create_engine(url)
    with bare.begin() as connection:
        connection.execute(text("DROP TABLE procrastinate_jobs CASCADE"))
    bare.dispose()
    gone = check()["Queue"]

    assert (old.mark, gone.mark) == (Mark.WARNING, Mark.WARNING)
    assert "older than the Procrastinate that is installed: 0" in old.found
    assert gone.found == "its tables are not there yet"
    assert "migrate" in old.mend


def test_a_file_shares_nothing(check: Check, tmp_path: Path) -> None:
    assert check(DATABASE_URL=f"sqlite:///{tmp_path / 'c.db'}") == {}
    assert check(DATABASE_URL="postgresql://u@127.0.0.1:9/c") == {}
