"""A card fits on one phone screen with its buttons, whatever the output's size and language."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from bot.slack.render import output, root
from bot.slack.render.card import card
from bot.slack.render.message import WholeText
from bot.slack.render.root import Progress
from bot.slack.render.usage import Upcoming
from storage.records import Action, Feedback
from storage.states import CheckpointState
from storage.usage import Estimate
from tests.e2e.conftest import Snap
from tests.e2e.poster import Poster
from tests.support.factories import BEN as BEN_THE_ACTOR
from tests.support.factories import NOON
from tests.support.sample_outputs import LANGUAGES, SIZES, sample_output, sample_question
from tests.support.sample_records import a_checkpoint, an_execution
from tests.support.workspace import BEN, Workspace

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("revision", [1, 2])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", SIZES)
def test_question_gist_and_all_buttons_are_on_one_phone_screen(
    phone: Page, workspace: Workspace, snap: Snap, language: str, size: int, revision: int
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
    whole = WholeText.ON_CARD if output.fits_on_card(checkpoint) else WholeText.IN_FILE
    shown = card.render(
        checkpoint,
        execution,
        whole=whole,
        used={"gpt-4.1-mini": {"calls": 3, "prompt_tokens": 3000, "completion_tokens": 900}},
        upcoming=Upcoming("analysis", Estimate(tokens=3400, microdollars=20_000)),
        previous=previous,
    )
    thread = poster.post(root.render(execution, Progress()))
    ts = poster.post(shown, thread=thread)

    phone.goto(f"{workspace.url}/#u={BEN}&c={poster.channel}&t={thread}")
    message = phone.get_by_test_id("thread").locator(f'[data-ts="{ts}"]')
    buttons = message.get_by_role("group", name="Actions").get_by_role("button")
    expect(buttons.filter(has_text="Stop")).to_be_visible()
    message.evaluate("message => message.scrollIntoView({block: 'start'})")
    top = phone.get_by_test_id("thread").locator(".pane-head").bounding_box()
    composer = phone.get_by_test_id("thread-composer").bounding_box()
    heading = message.get_by_role("heading").first.bounding_box()
    boxes = [button.bounding_box() for button in buttons.all()]
    snap(phone, f"fit-{language}-{size}-{revision}")

    assert top is not None
    assert composer is not None
    assert heading is not None
    assert heading["y"] >= top["y"] + top["height"] - 1
    last = max(box["y"] + box["height"] for box in boxes if box is not None)
    assert last <= composer["y"], "the last button is above the composer"
