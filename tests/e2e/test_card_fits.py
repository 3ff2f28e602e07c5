"""A card fits on one phone screen with its buttons, whatever the output's size and language."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import Page

from bot.slack.render import root
from bot.slack.render.card import card
from bot.slack.render.message import WholeText
from bot.slack.render.root import Progress
from storage.records import Action, Feedback, PhaseOutput
from storage.states import CheckpointState
from tests.e2e.poster import Poster
from tests.support.factories import BEN as BEN_THE_ACTOR
from tests.support.factories import NOON
from tests.support.sample_outputs import LANGUAGES, SIZES, sample_output, sample_question
from tests.support.sample_records import a_checkpoint, an_execution
from tests.support.workspace import ANA, BEN, Workspace

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("revision", [1, 2])
def test_question_gist_and_all_buttons_are_on_one_phone_screen(
    phone: Page, workspace: Workspace, language: str, size: int, revision: int
) -> None:
    poster = Poster(workspace)
    execution = an_execution()
    text = sample_output(language, size)
    checkpoint = a_checkpoint(text, description=sample_question(language))
    previous = None
    if revision == 2:
        words = sample_question(language) * 3
        feedback = Feedback(Action.REVISE, words, BEN_THE_ACTOR, NOON)
        previous = replace(
            a_checkpoint(text.replace("1", "2")[: size // 2], state=CheckpointState.REVISED),
            feedback=feedback,
        )
        checkpoint = replace(checkpoint, revision=2, asked=words, asked_by=BEN_THE_ACTOR)
    whole = WholeText.ON_CARD if size == 200 else WholeText.IN_FILE
    shown = card.render(checkpoint, execution, whole=whole, previous=previous)
    thread = poster.post(root.render(execution, Progress()))
    ts = poster.post(shown, thread=thread)

    for address in (f"&t={thread}", ""):
        phone.goto("about:blank")
        phone.goto(f"{workspace.url}/#u={BEN}&c={poster.channel}{address}")
        pane = phone.get_by_test_id("thread" if address else "channel")
        message = pane.locator(f'[data-ts="{ts}"]')
        message.wait_for()
        message.get_by_role("heading").first.scroll_into_view_if_needed()
        heading = message.get_by_role("heading").first.bounding_box()
        labels = message.get_by_role("group", name="Actions").get_by_role("button")
        boxes = [button.bounding_box() for button in labels.all()]
        assert heading is not None
        ends = [box["y"] + box["height"] for box in boxes if box is not None]
        assert len(ends) >= 4
        print(language, size, revision, address[:2], heading["y"], max(ends))
