"""What the doctor finds on a PostgreSQL server that several processes share."""

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
from bot.doctor.shared_server import check_shared_server
from bot.findings import Finding, Mark
from bot.settings import VARIABLES, load_settings
from bot.version import VERSION
from tests.support.postgres import Server

Check = Callable[..., dict[str, Finding]]


@pytest.fixture(params=["postgresql"])
def check(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Runs the checks on a new database of the server. Returns the findings by their subject."""
    for name in os.environ:
        if name in VARIABLES or name.startswith("COUNTERSIGN_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DATABASE_URL", server.database())

    def checked(**variables: str) -> dict[str, Finding]:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        findings = check_shared_server(load_settings(tmp_path / ".env"))
        return {finding.subject: finding for finding in findings}

    return checked


@pytest.fixture
def opened(check: Check, tmp_path: Path) -> Iterator[Engine]:
    """The database, opened as the scheduler does."""
    engine = open_database(load_settings(tmp_path / ".env"), role="scheduler")
    yield engine
    engine.dispose()


def test_everything_is_good_with_a_scheduler_connected(check: Check, opened: Engine) -> None:
    with opened.connect():
        findings = check()

    assert {finding.mark for finding in findings.values()} == {Mark.GOOD}, findings
    assert findings["Clock"].result == "the server's and this host's agree"
    connections = findings["Connections"].result
    assert "a process may open 22 (twice COUNTERSIGN" in connections
    assert re.search(r"^\d+ of \d+ are in use; .*there is room for \d+ more$", connections)
    assert findings["Processes"].result == f"connected: countersign {VERSION} scheduler (1)"
    assert findings["Queue"].result == "Procrastinate's tables are up to date"


def test_a_pool_larger_than_the_server_has_connections_is_a_warning(check: Check) -> None:
    finding = check(COUNTERSIGN_DATABASE_POOL="300")["Connections"]

    assert finding.mark is Mark.WARNING
    assert "a process may open 602" in finding.result
    assert "Lower COUNTERSIGN_DATABASE_POOL" in finding.advice


def test_processes_of_another_version_are_a_warning(
    check: Check, opened: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_server, "VERSION", "0.1.9")
    with opened.connect():
        finding = check()["Processes"]

    assert finding.mark is Mark.WARNING
    assert "not all have this version (0.1.9)" in finding.result


@pytest.mark.parametrize("role", ["worker", "serve --no-scheduler"])
def test_a_missing_scheduler_is_a_warning(
    check: Check, opened: Engine, tmp_path: Path, role: str
) -> None:
    alone = open_database(load_settings(tmp_path / ".env"), role=role)
    with alone.connect():
        opened.dispose()
        finding = check()["Scheduler"]
        with opened.connect():
            assert "Scheduler" not in check()
    alone.dispose()

    assert finding.mark is Mark.WARNING
    assert "no deadline expires" in finding.result


def test_a_clock_that_is_wrong_is_a_warning(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = text("SELECT clock_timestamp() + interval '90 s'")
    monkeypatch.setattr(shared_server, "_NOW", ahead)
    assert "differs from this host's by 90 s" in check()["Clock"].result
    monkeypatch.setattr(shared_server, "_NOW", text("SELECT clock_timestamp() - interval '90 s'"))
    assert "differs from this host's by 90 s" in check()["Clock"].result
    assert timedelta(seconds=shared_server.SKEW_SECONDS) < timedelta(seconds=90)


def test_missing_or_old_tables_of_the_queue_are_a_warning(check: Check, opened: Engine) -> None:
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
    missing = check()["Queue"]

    assert (old.mark, missing.mark) == (Mark.WARNING, Mark.WARNING)
    assert "older than the installed Procrastinate; missing: 0" in old.result
    assert missing.result == "its tables do not exist yet"
    assert "migrate" in old.advice


def test_a_file_or_an_unreachable_server_has_no_findings(check: Check, tmp_path: Path) -> None:
    assert check(DATABASE_URL=f"sqlite:///{tmp_path / 'c.db'}") == {}
    assert check(DATABASE_URL="postgresql://u@127.0.0.1:9/c") == {}
