"""The main job as a person does it: with a real browser, the real bot and real CrewAI."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import Snap
from tests.support.processes import BotProcess
from tests.support.workspace import ANA, BEN, GUS, Workspace

pytestmark = pytest.mark.browser

PHASE_SECONDS = 45
REQUEST = "/crew plan a summer campaign for a bicycle shop"


def open_as(page: Page, workspace: Workspace, user: str, *, thread: str = "") -> None:
    where = f"&t={thread}" if thread else ""
    channel = workspace.channel("campaigns").id
    page.goto(f"{workspace.url}/#u={user}&c={channel}{where}")
    page.get_by_test_id("thread-composer" if thread else "composer").wait_for()


def thread_of(page: Page) -> Locator:
    return page.get_by_test_id("thread")


def checkpoint(page: Page, question: str) -> Locator:
    """The message in the thread that contains this question and can be decided."""
    asking = (
        thread_of(page)
        .get_by_test_id("message")
        .filter(has_text=question)
        .filter(has=page.get_by_role("button", name=re.compile("^Continue")))
    )
    expect(asking).to_have_count(1, timeout=PHASE_SECONDS * 1000)
    return asking


def press(message: Locator, label: str) -> None:
    message.get_by_role("button", name=re.compile(f"^{label}")).click()


def open_thread(page: Page) -> None:
    page.get_by_test_id("message").get_by_text(re.compile(r"\d+ repl(y|ies)")).first.click(
        timeout=PHASE_SECONDS * 1000
    )
    expect(thread_of(page)).to_be_visible()


def test_a_campaign_is_planned_and_decided_by_click_modal_and_reply(
    desktop: Page, workspace: Workspace, bot: BotProcess, snap: Snap
) -> None:
    page = desktop
    open_as(page, workspace, ANA)
    snap(page, "desktop-start")
    page.get_by_test_id("composer").fill(REQUEST)
    page.get_by_test_id("composer").press("Enter")
    open_thread(page)

    plan = checkpoint(page, "Checkpoint 1 of 3")
    expect(plan.get_by_role("button", name="Read it all")).to_be_visible()
    whole = thread_of(page).get_by_test_id("message").filter(has_text="The output of planning")
    expect(whole).to_contain_text("offline draft, no model")
    for part in ("Objectives", "Talent", "Calendar", "Key messages", "Distribution"):
        expect(whole).to_contain_text(re.compile(part, re.IGNORECASE))
    first = page.get_by_test_id("message").filter(has_text="Open the checkpoint").first
    expect(first).to_contain_text("Waiting for a decision after planning")
    plan.scroll_into_view_if_needed()
    snap(page, "desktop-checkpoint")
    plan.get_by_role("button", name=re.compile("^Stop")).scroll_into_view_if_needed()
    snap(page, "desktop-buttons")

    press(plan, "Revise")
    modal = page.get_by_test_id("modal")
    modal.get_by_role("textbox").fill("shorter, and leave out the talent assignments")
    snap(page, "desktop-revise")
    modal.get_by_role("button", name="Revise").click()
    expect(modal).to_have_count(0)

    revised = checkpoint(page, "shorter, and leave out the talent assignments")
    expect(revised).to_contain_text(re.compile(r"words? (added|removed)"))
    shorter = thread_of(page).get_by_test_id("message").filter(has_text="Changed on request").first
    expect(shorter).to_contain_text("The output of planning")
    expect(shorter.get_by_text("Talent assignments", exact=True)).to_have_count(0)
    in_channel = page.get_by_test_id("message").filter(has_text="revision 2").first
    in_channel.get_by_role("button", name="Stop").scroll_into_view_if_needed()
    revised.get_by_text("Revised because").scroll_into_view_if_needed()
    snap(page, "desktop-revised")
    press(revised, "Continue")

    checkpoint(page, "Checkpoint 2 of 3")
    found = thread_of(page).get_by_test_id("message").filter(has_text="The output of analysis")
    expect(found.first).to_contain_text(re.compile(r"positive", re.IGNORECASE))
    reply = page.get_by_test_id("thread-composer")
    reply.press_sequentially("@Counter")
    reply.press("Tab")
    reply.press_sequentially("add the risk of rain")
    reply.press("Enter")
    again = checkpoint(page, "add the risk of rain")
    press(again, "Continue")

    draft = checkpoint(page, "Checkpoint 3 of 3")
    press(draft, "Continue")

    final = thread_of(page).get_by_test_id("message").filter(has_text="complete").last
    expect(final).to_be_visible(timeout=PHASE_SECONDS * 1000)
    final.scroll_into_view_if_needed()
    snap(page, "desktop-final")
    expect(
        thread_of(page).get_by_role("button", name=re.compile("^(Continue|Revise)"))
    ).to_have_count(0)

    status = bot.http.get("/health").json()
    assert (status["active_executions"], status["pending_checkpoints"]) == (0, 0)


def test_a_reviewer_on_a_phone_reads_and_decides(
    phone: Page, workspace: Workspace, bot: BotProcess, snap: Snap
) -> None:
    workspace.command(REQUEST, by=ANA)
    waiting = workspace.wait_for(lambda: workspace.message_with("Continue"), PHASE_SECONDS)
    page = phone
    open_as(page, workspace, BEN, thread=waiting.root_ts)

    plan = checkpoint(page, "Checkpoint 1 of 3")
    plan.evaluate("card => card.scrollIntoView({block: 'start'})")
    for label in ("Continue", "Revise", "Skip", "Stop"):
        button = plan.get_by_role("button", name=re.compile(f"^{label}"))
        expect(button).to_be_in_viewport(ratio=1)
    snap(page, "phone-checkpoint")
    press_area = plan.get_by_role("button", name=re.compile("^Continue"))
    press_area.scroll_into_view_if_needed()
    snap(page, "phone-buttons")
    box = press_area.bounding_box()
    assert box is not None
    assert box["height"] >= 36, "a thumb must hit it"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, "nothing sticks out"

    press(plan, "Stop")
    confirm = page.get_by_test_id("confirm")
    expect(confirm).to_be_visible()
    snap(page, "phone-stop")
    confirm.get_by_role("button").last.click()

    stopped = thread_of(page).get_by_test_id("message").filter(has_text=re.compile("[Ss]topped by"))
    expect(stopped.first).to_be_visible(timeout=10_000)
    expect(page.get_by_role("button", name=re.compile("^Continue"))).to_have_count(0)
    stopped.first.scroll_into_view_if_needed()
    snap(page, "phone-stopped")


def test_a_guest_reads_why_they_may_not_decide(
    desktop: Page, workspace: Workspace, bot: BotProcess, snap: Snap
) -> None:
    workspace.command(REQUEST, by=ANA)
    waiting = workspace.wait_for(lambda: workspace.message_with("Continue"), PHASE_SECONDS)
    page = desktop
    open_as(page, workspace, GUS, thread=waiting.root_ts)

    press(checkpoint(page, "Checkpoint 1 of 3"), "Continue")

    notice = thread_of(page).get_by_text("Only visible to you")
    expect(notice.first).to_be_visible(timeout=10_000)
    snap(page, "desktop-guest")
    assert "guest" in workspace.ephemeral(GUS).lower()
    assert workspace.live_buttons(waiting), "it still waits for somebody who may"
    assert workspace.click("Stop", by=BEN, message=waiting).ok
