"""Cards before progress, clicks without a limit, and addresses after everything else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from practice.traffic import Entry
from storage.decisions import Decision
from storage.outbox.rate_limits import RateLimit
from storage.records import Action, Actor, ActorKind
from tests.slack.stage import BRISK, Stage
from tests.support.factories import output
from tests.support.workspace import ANA, BEN, Workspace

MIDDLE = "A sentence of an output in a message of its own. " * 40


@pytest.fixture(autouse=True)
def no_faults_left(stage: Stage) -> Iterator[None]:
    yield
    stage.workspace.faults.clear()


def updates_of(workspace: Workspace, ts: str) -> list[Entry]:
    return [
        call
        for call in workspace.calls("chat.update")
        if isinstance(call.sent, dict) and call.sent.get("ts") == ts
    ]


@pytest.mark.parametrize("label", ["Continue", "Skip", "Stop"])
def test_a_clicked_card_is_replaced_by_the_click_itself(
    stage: Stage, workspace: Workspace, label: str
) -> None:
    execution = stage.start()
    stage.work()
    card = stage.armed(execution)
    before = len(updates_of(workspace, card.ts))

    workspace.click(label, by=ANA, message=card)

    decided = stage.wait_until_read(card, f"<@{ANA}>")
    workspace.wait_for(lambda: not stage.outbox.has_pending())
    assert workspace.again(card).buttons == []
    assert decided.broadcast
    assert len(updates_of(workspace, card.ts)) == before


@pytest.mark.parametrize("fault", ["lost_reply", "lost_request", "server_error", "used"])
def test_a_click_whose_address_slack_does_not_take_any_more_is_shown_by_an_update(
    stage: Stage, workspace: Workspace, fault: str
) -> None:
    execution = stage.start()
    stage.work()
    card = stage.armed(execution)
    if fault == "used":
        workspace.faults.error("response_url", "used_url")
    else:
        getattr(workspace.faults, fault)("response_url", times=None)

    workspace.click("Continue", by=ANA, message=card)

    stage.wait_until_read(card, "Continued by")
    workspace.wait_for(lambda: not stage.outbox.has_pending())
    assert workspace.again(card).buttons == []


def test_a_decision_elsewhere_after_a_click_that_decided_nothing_is_shown_as_well(
    stage: Stage, workspace: Workspace
) -> None:
    execution = stage.start("guarded a launch", by=ANA)
    stage.work()
    card = stage.armed(execution)
    workspace.click("Continue", by=ANA, message=card)
    stage.answer_to(ANA, "decide")

    by = Actor(ActorKind.SLACK, BEN, "Ben")
    stage.state.decide(Decision(stage.waiting(execution).id, Action.CONTINUE, by))

    stage.wait_until_read(card, "Continued by")


def test_the_addresses_of_a_card_and_its_output_are_known_once_both_are_posted(
    stage: Stage, workspace: Workspace
) -> None:
    execution = stage.start()
    root = stage.root(execution)
    stage.work(MIDDLE)
    card = stage.armed(execution)
    checkpoint = stage.waiting(execution)

    workspace.wait_for(lambda: stage.reads.permalink(f"checkpoint:{checkpoint.id}"))
    workspace.wait_for(lambda: stage.reads.permalink(f"output:{checkpoint.id}"))

    link = stage.reads.permalink(f"checkpoint:{checkpoint.id}")
    assert link is not None
    assert card.ts in link
    workspace.wait_for(lambda: link in str(workspace.again(root).blocks), what="a link in the root")
    order = [call.name for call in workspace.calls() if call.name.startswith("chat.")]
    armed = max(n for n, name in enumerate(order) if name == "chat.postMessage")
    assert "chat.update" in order[armed : order.index("chat.getPermalink", armed)]


@pytest.mark.parametrize("error", ["internal_error", "message_not_found", "something_new"])
def test_an_address_that_slack_does_not_tell_hurts_nothing(
    stage: Stage, workspace: Workspace, error: str
) -> None:
    workspace.faults.error("chat.getPermalink", error, times=None)
    execution = stage.start()
    stage.work(MIDDLE)
    card = stage.armed(execution)

    workspace.click("Continue", by=BEN, message=card)

    stage.wait_until_read(card, "Continued by")
    workspace.wait_for(lambda: not stage.outbox.has_pending())


def test_progress_waits_while_cards_get_their_buttons_at_the_limit(tmp_path: Path) -> None:
    """Six runs report progress all the time, at a limit of a few updates."""
    limit = RateLimit(per_second=4, burst=10)
    timing = replace(BRISK, updates=limit)
    with Workspace() as workspace, Stage(workspace, tmp_path / "c.db", timing=timing) as stage:
        executions = [stage.start(f"plan number {number}") for number in range(6)]
        claims = [stage.claim() for _ in executions]
        for number in range(20):
            for claim in claims:
                stage.state.progress(claim, {"tasks": [{"task": f"t{number}", "state": "running"}]})
            time.sleep(0.05)  # this is the load, not a wait
        before = time.monotonic()
        for claim in claims:
            stage.state.phase_done(claim, output("A plan."))
        for execution in executions:
            stage.armed(execution, timeout=15)
        assert time.monotonic() - before < 3.0
        minute = [call.at for call in workspace.calls("chat.update")]
        for start in minute:
            within = sum(start <= at < start + 1.0 for at in minute)
            assert within <= limit.burst + limit.per_second + 1
