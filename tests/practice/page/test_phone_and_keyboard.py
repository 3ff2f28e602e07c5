"""The page on a phone and with the keyboard only."""

import pytest
from playwright.sync_api import Page, expect

from tests.practice.page import samples
from tests.practice.page.canned import CannedWorkspace
from tests.practice.page.conftest import OpenPage

pytestmark = pytest.mark.browser

SMALLEST_TOUCH = 40


def sideways_overflow(page: Page) -> float:
    width: float = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return width


def small_targets(page: Page) -> list[str]:
    """Visible buttons and fields that are too small to touch."""
    problems: list[str] = page.evaluate(
        """(least) => [...document.querySelectorAll("button, a.button, select, textarea, summary")]
          .filter((e) => e.checkVisibility({ opacityProperty: true }))
          .map((e) => [e, e.getBoundingClientRect()])
          .filter(([, box]) => box.width > 0 && (box.height < least || box.width < least))
          .map(([e, box]) => `${e.textContent || e.ariaLabel}: ${box.width} x ${box.height}`)""",
        SMALLEST_TOUCH,
    )
    return problems


def test_a_phone_shows_one_pane_at_a_time_with_a_way_back(open_page: OpenPage) -> None:
    page = open_page(phone=True)
    sidebar = page.get_by_role("navigation", name="Workspace")
    expect(sidebar).to_be_hidden()

    page.get_by_test_id("thread-summary").tap()
    thread = page.get_by_test_id("thread")
    expect(thread).to_be_visible()
    expect(page.get_by_test_id("channel")).to_be_hidden()
    assert sideways_overflow(page) <= 0
    thread.get_by_role("button", name="Back to the channel").tap()
    expect(page.get_by_test_id("channel")).to_be_visible()
    expect(thread).to_be_hidden()
    page.get_by_role("button", name="Back to channels").tap()
    expect(sidebar).to_be_visible()
    expect(page.get_by_test_id("channel")).to_be_hidden()
    sidebar.get_by_test_id("channel-link").filter(has_text="general").tap()
    expect(page.get_by_role("heading", name="general", exact=True)).to_be_visible()
    assert sideways_overflow(page) <= 0


@pytest.mark.parametrize("pane", ["thread", "channel", "list"])
def test_touch_targets_are_large_enough(open_page: OpenPage, pane: str) -> None:
    page = open_page(
        phone=True,
        thread=samples.ROOT if pane == "thread" else None,
        pane="list" if pane == "list" else None,
    )
    expect(page.locator(f'[data-pane="{pane}"]')).to_be_visible()

    assert small_targets(page) == []


def test_a_modal_fills_a_phone_and_its_buttons_stay_visible(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    view = samples.modal()
    view["blocks"] += [
        samples.section("More to read. " * 40) | {"block_id": f"more{at}"} for at in range(5)
    ]
    page = open_page(phone=True, thread=samples.ROOT)
    workspace.push({"type": "view_opened", "view": view})
    modal = page.get_by_test_id("modal")

    box = modal.bounding_box()
    assert box is not None
    assert (box["width"], box["height"]) == (390, 844)
    expect(modal.get_by_role("button", name="Ask for it")).to_be_in_viewport(ratio=1)
    assert small_targets(page) == []


def test_a_checkpoint_fits_a_phone_with_its_buttons_two_by_two(open_page: OpenPage) -> None:
    page = open_page(phone=True, thread=samples.ROOT)
    boxes = [
        page.get_by_test_id("thread").get_by_role("button", name=name).bounding_box()
        for name in ("Continue", "Revise", "Skip", "Stop")
    ]
    tops = [box["y"] for box in boxes if box is not None]
    assert len(tops) == 4
    assert tops[0] == tops[1] < tops[2] == tops[3]
    assert sideways_overflow(page) <= 0


def test_a_run_can_be_decided_with_the_keyboard_alone(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    page = open_page()
    press_until(page, "Tab", '[data-testid="thread-summary"]')
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("thread-composer")).to_be_focused()

    press_until(page, "Shift+Tab", '[data-focus-key="decide/stop"]')
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("confirm")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert workspace.wait_for_call("/page/interact")["action_id"] == "stop"

    page.keyboard.press("Escape")
    expect(page.get_by_test_id("thread")).to_be_hidden()
    expect(page.get_by_test_id("thread-summary")).to_be_focused()


def test_the_focus_is_visible(open_page: OpenPage) -> None:
    page = open_page(thread=samples.ROOT)
    press_until(page, "Tab", '[data-focus-key="decide/continue"]')

    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def press_until(page: Page, key: str, selector: str, most: int = 40) -> None:
    for _ in range(most):
        page.keyboard.press(key)
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
    raise AssertionError(f"{key} did not reach {selector}")


def test_motion_stops_if_the_user_prefers_it(open_page: OpenPage) -> None:
    page = open_page()
    turning = page.locator(".k-task-in_progress svg")
    running = "node => getComputedStyle(node).animationIterationCount"
    assert turning.evaluate(running) == "infinite"

    page.emulate_media(reduced_motion="reduce")
    assert turning.evaluate(running) == "1"
    page.emulate_media(reduced_motion="no-preference")
