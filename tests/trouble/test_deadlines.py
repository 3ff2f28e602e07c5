"""Deadlines that pass while the bot runs, and while it is dead."""

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
    with Workspace(manifest=ROOT / "manifest.yml") as new_workspace:
        yield new_workspace


@pytest.fixture(scope="module")
def bot(
    workspace: Workspace, tmp_path_factory: pytest.TempPathFactory, prefork_server: PreforkServer
) -> Iterator[Bot]:
    """A bot that skips a checkpoint if nobody decides within three seconds."""
    folder = tmp_path_factory.mktemp("deadlines")
    new_bot = Bot(prefork_server, folder, env=workspace.env())
    deadline = {"timeout": "3s", "on_timeout": "skip"}
    kind = replace(STEPS, entry={**STEPS.entry, **deadline})
    crews_yml(folder, [kind], mark=new_bot.mark, seconds={})
    new_bot.start()
    yield new_bot
    new_bot.kill()


def deadlines(bot: Bot, words: str) -> list[tuple[float, float]]:
    """When each checkpoint was due, and when it was decided (0: undecided)."""
    execution = Database(bot.database).execution(words)
    rows = execution.checkpoints if execution is not None else []
    return [(row.deadline, row.decided_at) for row in rows]


def ask(workspace: Workspace, words: str) -> None:
    workspace.wait_until_connected()
    assert workspace.command(f"/crew steps {words}", by=ANA).ok


def nobody_decided_message(workspace: Workspace, words: str) -> MessageSnapshot:
    """Wait for the message that tells the requester that nobody decided."""

    def find() -> MessageSnapshot | None:
        roots = [m for m in workspace.threads() if words in m.everything]
        thread = workspace.thread(roots[0]) if roots else []
        return next((m for m in thread if f"<@{ANA}>, nobody decided" in m.text), None)

    return workspace.wait_for(find, 15, what="the message about the deadline")


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
    assert nobody_decided_message(workspace, "while it runs")


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

    restarted_at = time.time()
    bot.start()
    wait_until(
        lambda: bool(deadlines(bot, "while it is dead")[0][1]),
        within=20,
        what="the deadline fires",
        shown=lambda: bot.log_text,
    )

    healthy = next(line for line in reversed(bot.log_text.splitlines()) if "serve.healthy" in line)
    assert restarted_at < deadlines(bot, "while it is dead")[0][1]
    assert deadlines(bot, "while it is dead")[0][1] - _moment(healthy) < IN_TIME
    assert nobody_decided_message(workspace, "while it is dead")


def _moment(line: str) -> float:
    """The time at which a log line was written, in seconds since 1970."""
    return datetime.fromisoformat(line.split(" ", 1)[0]).timestamp()
