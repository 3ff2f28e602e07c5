"""Deadlines of a bot that runs, and of one that was dead when they passed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import pytest

from tests.support.message_snapshot import MessageSnapshot
from tests.support.prefork_server import Bot, PreforkServer
from tests.support.processes import ROOT, wait_until
from tests.support.workspace import ANA, Workspace
from tests.trouble.db import Database
from tests.trouble.load.plans import STEPS, crews_yml

pytestmark = pytest.mark.slow

IN_TIME = 2.0


@pytest.fixture(scope="module")
def workspace() -> Iterator[Workspace]:
    with Workspace(manifest=ROOT / "manifest.yml") as opened:
        yield opened


@pytest.fixture(scope="module")
def bot(
    workspace: Workspace, tmp_path_factory: pytest.TempPathFactory, prefork_server: PreforkServer
) -> Iterator[Bot]:
    """Its checkpoints are skipped when nobody decides for three seconds."""
    folder = tmp_path_factory.mktemp("deadlines")
    started = Bot(prefork_server, folder, env=workspace.env())
    deadline = {"timeout": "3s", "on_timeout": "skip"}
    kind = replace(STEPS, entry={**STEPS.entry, **deadline})
    crews_yml(folder, [kind], mark=started.mark, seconds={})
    started.start()
    yield started
    started.kill()


def deadlines(bot: Bot, words: str) -> list[tuple[float, float]]:
    """Of each checkpoint when it was due and when it was decided (0: it was not)."""
    execution = Database(bot.database).execution(words)
    rows = execution.checkpoints if execution is not None else []
    return [(row.deadline, row.decided_at) for row in rows]


def ask(workspace: Workspace, words: str) -> None:
    workspace.wait_until_connected()
    assert workspace.command(f"/crew steps {words}", by=ANA).ok


def told_that_nobody_decided(workspace: Workspace, words: str) -> MessageSnapshot:
    """The message by which the requester learns it, waited for."""

    def found() -> MessageSnapshot | None:
        roots = [m for m in workspace.threads() if words in m.everything]
        thread = workspace.thread(roots[0]) if roots else []
        return next((m for m in thread if f"<@{ANA}>, nobody decided" in m.text), None)

    return workspace.wait_for(found, 15, what="words about the deadline")


def test_a_deadline_that_falls_due_fires_within_two_seconds(workspace: Workspace, bot: Bot) -> None:
    ask(workspace, "while it runs")
    wait_until(
        lambda: (
            len(deadlines(bot, "while it runs")) == 2
            and all(fired for _, fired in deadlines(bot, "while it runs"))
        ),
        within=30,
        what="both deadlines pass",
        shown=lambda: bot.log_text,
    )

    for due, fired in deadlines(bot, "while it runs"):
        assert 0 <= fired - due < IN_TIME
    assert told_that_nobody_decided(workspace, "while it runs")


def test_a_deadline_that_passed_while_the_bot_was_dead_fires_at_its_start(
    workspace: Workspace, bot: Bot
) -> None:
    ask(workspace, "while it is dead")
    wait_until(
        lambda: bool(deadlines(bot, "while it is dead")), within=20, what="a checkpoint opens"
    )
    bot.kill()
    [(due, fired)] = deadlines(bot, "while it is dead")
    assert not fired
    wait_until(lambda: time.time() > due + IN_TIME, within=20, what="the deadline passes")

    began = time.time()
    bot.start()
    wait_until(
        lambda: bool(deadlines(bot, "while it is dead")[0][1]),
        within=20,
        what="the deadline fires",
        shown=lambda: bot.log_text,
    )

    healthy = next(line for line in reversed(bot.log_text.splitlines()) if "serve.healthy" in line)
    assert began < deadlines(bot, "while it is dead")[0][1]
    assert deadlines(bot, "while it is dead")[0][1] - _moment(healthy) < IN_TIME
    assert told_that_nobody_decided(workspace, "while it is dead")


def _moment(line: str) -> float:
    """When a line of the log was written."""
    return datetime.fromisoformat(line.split(" ", 1)[0]).timestamp()
