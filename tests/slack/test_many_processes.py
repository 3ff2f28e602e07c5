"""Two bots on one database and in one workspace, like two processes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from practice.traffic import Entry
from storage.decisions import Decision
from storage.outbox.outbox import Outbox
from storage.state_manager import StateManager
from tests.slack.stage import BRISK, Stage
from tests.support.postgres import Server
from tests.support.workspace import ANA, BEN, Workspace

PER_SECOND = 4.0

Pair = tuple[Stage, Stage]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path | str]:
    if request.param == "sqlite":
        yield tmp_path_factory.mktemp("pair") / "c.db"
        return
    server: Server = request.getfixturevalue("server")
    yield server.database()


@pytest.fixture(scope="module")
def both(database: Path | str) -> Iterator[Pair]:
    """Two bots that do not know of each other; Slack delivers each action to one of them."""
    timing = replace(BRISK, posts_per_second=PER_SECOND)
    with Workspace() as workspace, ExitStack() as stack:
        pair = [stack.enter_context(Stage(workspace, database, timing=timing)) for _ in range(2)]
        links = workspace.practice.sockets.links
        workspace.wait_for(lambda: len(links) == 2, what="both to be connected")
        yield (pair[0], pair[1])


@pytest.fixture
def pair(both: Pair) -> Pair:
    both[0].tidy()
    return both


def posts(workspace: Workspace) -> list[Entry]:
    return workspace.calls("chat.postMessage")


def sent(call: Entry) -> dict[str, object]:
    assert isinstance(call.sent, dict)
    return call.sent


def wait_until_delivered(pair: Pair) -> None:
    pair[0].workspace.wait_for(
        lambda: not pair[0].outbox.has_pending(), timeout=30, what="delivery to end"
    )


def test_clicks_that_reach_either_twice_decide_once_and_are_shown_once(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = pair
    workspace = first.workspace
    decisions: Counter[int] = Counter()
    decide = StateManager.decide

    def deciding(state: StateManager, decision: Decision) -> object:
        decisions[id(state)] += 1
        return decide(state, decision)

    monkeypatch.setattr(StateManager, "decide", deciding)
    workspace.duplicate("slash_commands", "interactive", "events_api")
    runs = [first.start(f"plan number {n}") for n in range(3)]
    for _ in runs:
        first.work()
    messages = [first.armed(run) for run in runs]
    for message in messages:
        assert all(
            answer.ok for answer in workspace.clicks("Continue", by=[ANA, BEN], message=message)
        )
        first.wait_until_read(message, "Continued by")
    workspace.duplicate()
    wait_until_delivered(pair)

    assert len(decisions) == 2, "all clicks reached the same bot"
    for run, message in zip(runs, messages, strict=True):
        assert len(first.decided_by(run)) == 1
        assert len(first.reads.phase_runs(run.id)) == 2
        shown = [m for m in workspace.thread(message) if m.user == message.user]
        assert len({str(m.metadata) for m in shown}) == len(shown)
    keys = Counter(str(sent(call)["metadata"]) for call in posts(workspace))
    assert len(keys) >= 3 * 2
    assert max(keys.values()) == 1, "a message was posted twice"


def test_together_they_keep_to_slacks_rate_limit_and_to_the_order(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = pair
    workspace = first.workspace
    wait_until_delivered(pair)
    before = len(posts(workspace))
    posted: Counter[int] = Counter()
    store = Outbox.posted

    def posting(outbox: Outbox, *arguments: object, **named: object) -> object:
        posted[id(outbox)] += 1
        return store(outbox, *arguments, **named)  # type: ignore[arg-type]  # as they come

    monkeypatch.setattr(Outbox, "posted", posting)
    workspace.slow_down(rate=1.25 * PER_SECOND, burst=4.0)
    started = 0
    while len(posted) < 2 and started < 60:  # one bot may be so fast that the other finds nothing
        for n in range(started, started + 12):
            assert workspace.command(f"plan number {n}").ok
        started += 12
        wait_until_delivered(pair)
    workspace.call(lambda: setattr(workspace.practice.rate_limit, "enabled", False))

    calls = posts(workspace)[before:]
    assert [call.status for call in calls] == [200] * started
    assert len(posted) == 2
    order = [int(re.findall(r"number (\d+)", str(call.sent))[0]) for call in calls]
    assert sorted(order) == list(range(started))
    at_once = 2 * 3  # the two bots' threads, each with one message
    assert all(abs(place - number) < at_once for place, number in enumerate(order)), order


@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update"])
def test_when_one_is_rate_limited_the_other_waits_too(
    pair: Pair, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = pair
    workspace = first.workspace
    run = first.start()
    wait_until_delivered(pair)
    workspace.faults.rate_limited(method, retry_after=2)
    first.work()
    workspace.wait_for(
        lambda: "slack.resting" in caplog.messages, what="a log line about the rate limit"
    )
    workspace.wait_for(
        lambda: not first.reads.lease_owners(), what="messages in progress to be sent"
    )
    before = len(workspace.calls(method))
    for n in range(2):
        assert workspace.command(f"plan after {n}", by=BEN).ok
    second.front.outbox_changed()
    first.front.outbox_changed()
    first.armed(run)
    wait_until_delivered(pair)

    *_, refused = [call for call in workspace.calls(method)[:before] if call.status == 429]
    later = [
        call
        for call in workspace.calls(method)[before:]
        if sent(call)["channel"] == sent(refused)["channel"]
    ]
    assert len(later) >= 3
    assert min(call.at for call in later) - refused.at >= 2.0
