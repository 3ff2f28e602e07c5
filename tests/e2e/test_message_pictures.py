"""Every message at desktop and phone width, as the page docs/messages.md shows them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from bot.slack.render import final, output, root
from bot.slack.render.card import card
from bot.slack.render.message import Rendered, WholeText
from bot.slack.render.root import Progress
from storage.records import (
    Action,
    Checkpoint,
    CheckpointKind,
    Feedback,
    OutputFile,
    PhaseOutput,
)
from storage.states import CheckpointState, ExecutionState, PhaseRunState
from tests.e2e.poster import Poster
from tests.slack.test_render import a_run
from tests.support.factories import NOON, member
from tests.support.processes import ROOT
from tests.support.sample_outputs import sample_output
from tests.support.sample_records import a_checkpoint, an_execution
from tests.support.workspace import ANA, BEN, Workspace

pytestmark = pytest.mark.browser

ANA_ASKS, BEN_DECIDES = member(ANA, "Ana"), member(BEN, "Ben")
TEXT = sample_output("English", 3_000)
ALONE = ".below, [data-testid=thread-composer], form { display: none !important }"
"""Hides what stands in front of a message."""

WORDS = "shorter, and say what it costs"


def inner(kind: CheckpointKind, name: str, shown: str, description: str) -> Checkpoint:
    plain = a_checkpoint(shown, description=description)
    return replace(plain, kind=kind, name=name)


def messages(link: str) -> dict[str, Rendered]:
    """Each kind of message, by the name of its picture."""
    execution = an_execution(requester=ANA_ASKS)
    done = an_execution(ExecutionState.COMPLETED, requester=ANA_ASKS, result=TEXT[:380])
    failed = an_execution(ExecutionState.ERROR, requester=ANA_ASKS, error="The model is overloaded")
    question = "Is this the campaign that we want to run?"
    first = a_checkpoint(TEXT, description=question)
    revised = replace(
        first,
        state=CheckpointState.REVISED,
        feedback=Feedback(Action.REVISE, WORDS, BEN_DECIDES, NOON),
    )
    second = replace(
        first,
        revision=2,
        asked=WORDS,
        asked_by=BEN_DECIDES,
        output=PhaseOutput(
            TEXT.replace("ten guided", "six guided"), files=(OutputFile("plan/calendar.csv", 2100),)
        ),
        lessons=("name the prices",),
    )
    runs = (a_run(0, "planning", PhaseRunState.DONE),)
    above = output.render(
        replace(first, output=PhaseOutput(f"{TEXT[:1_000].rpartition('.')[0]}.")), execution
    )
    assert above is not None
    gate = replace(
        inner(CheckpointKind.GATE, "review", "Three posts are ready.", "Publish the posts?"),
        outcomes=("publish", "rework", "drop"),
    )
    tool = inner(CheckpointKind.TOOL, "send_mail", '{"to": "riders@example.org"}', "")
    asked = inner(CheckpointKind.QUESTION, "ask", "", "Which day suits the shop best?")
    short = a_checkpoint("# Plan\n\nTen evening rides, from June to August.", description=question)
    return {
        "root": root.render(execution, Progress(runs, (first,), card_link=link)),
        "output": above,
        "card": card.render(first, execution, whole=WholeText.IN_MESSAGE),
        "decided": card.render(revised, execution, whole=WholeText.IN_MESSAGE, output_link=link),
        "card-revised": card.render(
            second, execution, whole=WholeText.IN_MESSAGE, previous=revised
        ),
        "card-short": card.render(short, execution),
        "gate": card.render(gate, execution),
        "tool": card.render(tool, execution),
        "question": card.render(asked, execution),
        "reminder": final.reminder(second, execution, which="half", card_link=link),
        "final": final.render(done),
        "failed": final.notice(failed, {"notice": "error"}, None),
    }


@pytest.fixture
def narrow(browser: Browser) -> Iterator[Page]:
    with browser.new_context(viewport={"width": 390, "height": 1600}, bypass_csp=True) as context:
        yield context.new_page()


@pytest.fixture
def wide(browser: Browser) -> Iterator[Page]:
    with browser.new_context(viewport={"width": 1280, "height": 1600}, bypass_csp=True) as context:
        yield context.new_page()


def test_every_message_is_readable_at_both_widths(
    narrow: Page, wide: Page, workspace: Workspace
) -> None:
    folder = Path(os.environ.get("PICTURES_FOLDER", ROOT / "build" / "pictures")) / "messages"
    folder.mkdir(parents=True, exist_ok=True)
    poster = Poster(workspace)
    posted: dict[str, str] = {}
    link = f"{workspace.url}/archives/{poster.channel}/p1"
    for name, rendered in messages(link).items():
        posted[name] = poster.post(rendered, thread=posted.get("root"))

    for width, page in (("desktop", wide), ("phone", narrow)):
        page.goto(f"{workspace.url}/#u={BEN}&c={poster.channel}&t={posted['root']}")
        thread = page.get_by_test_id("thread")
        page.add_style_tag(content=ALONE)
        for name, ts in posted.items():
            message = thread.locator(f'[data-ts="{ts}"]')
            expect(message).to_be_visible()
            sticks_out = message.evaluate("each => each.scrollWidth - each.clientWidth")
            assert sticks_out <= 0, f"{name} is wider than the {width}"
            message.screenshot(path=folder / f"{name}-{width}.png", animations="disabled")
