"""Whole messages as a reader sees them: author, time, files, replies and contrast."""

import pytest
from playwright.sync_api import Page, expect

from tests.practice.page import samples
from tests.practice.page.canned import CannedWorkspace
from tests.practice.page.conftest import OpenPage, texts

pytestmark = pytest.mark.browser


def test_a_checkpoint_reads_as_question_output_rule_and_buttons(open_page: OpenPage) -> None:
    page = open_page(thread=samples.ROOT)
    checkpoint = page.get_by_test_id("thread").locator(
        f'[data-ts="{samples.checkpoint_message()["ts"]}"]'
    )

    expect(checkpoint.get_by_role("heading", name="Review the content plan")).to_be_visible()
    expect(checkpoint.get_by_role("cell", name="Guided evening rides")).to_be_visible()
    expect(checkpoint).to_contain_text("Anyone in this channel may decide until 10:05")
    buttons = checkpoint.get_by_role("group", name="Actions").get_by_role("button")
    assert texts(buttons) == ["Continue", "Revise…", "Skip", "Stop"]
    decided = page.locator(f'[data-ts="{samples.decided_message()["ts"]}"]')
    expect(decided).to_contain_text("@Ben Okafor asked for a change at 9:04")
    expect(decided.get_by_role("button")).to_have_count(0)


def test_a_message_shows_its_author_time_and_edits(open_page: OpenPage) -> None:
    page = open_page()
    root = page.locator(f'[data-ts="{samples.ROOT}"]')

    expect(root.locator(".message-head")).to_contain_text("Countersign")
    expect(root.get_by_text("APP", exact=True)).to_be_visible()
    expect(root.get_by_text("(edited)")).to_be_visible()
    expect(root.get_by_test_id("thread-summary")).to_contain_text("4 replies · last reply")
    guest = page.get_by_role("article").filter(has_text="Looking forward to it")
    expect(guest.locator(".message-head")).to_contain_text("Gus Meyerguest")
    together = page.get_by_role("article").filter(has_text="I let the crew draft it")
    expect(together.locator(".message-head")).to_have_count(0)
    assert page.get_by_role("separator").count() >= 2


def test_an_ephemeral_message_is_marked_and_stays_dismissed(open_page: OpenPage) -> None:
    page = open_page(thread=samples.ROOT)
    note = page.get_by_test_id("thread").locator('[data-ephemeral="true"]')
    expect(note).to_contain_text("Only visible to you")

    note.get_by_role("button", name="Dismiss").click()
    expect(note).to_have_count(0)
    page.reload()
    expect(page.get_by_test_id("thread").locator("[data-ts]").first).to_be_visible()
    expect(note).to_have_count(0)


def test_a_file_is_previewed_read_in_place_and_downloaded(open_page: OpenPage) -> None:
    page = open_page(thread=samples.ROOT)
    card = page.get_by_role("region", name="File content-plan.md")
    expect(card).to_contain_text("4 KB")
    expect(card.locator(".file-preview")).to_contain_text("Strategic overview")
    download = card.get_by_role("link", name="Download content-plan.md")
    expect(download).to_have_attribute("href", "/page/files/F0PLAN/content-plan.md?download=1")

    card.get_by_role("button", name="Open").click()
    viewer = page.get_by_role("dialog", name="content-plan.md")
    expect(viewer.get_by_role("heading", name="Calendar")).to_be_visible()
    page.keyboard.press("Escape")
    expect(viewer).to_have_count(0)
    expect(card.get_by_role("button", name="Open")).to_be_focused()


def test_a_picture_is_shown_in_the_thread_and_in_full(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    picture = {
        "id": "F0PLOT",
        "name": "plot-1a2b-1.png",
        "title": "out/plot.png",
        "mimetype": "image/png",
        "size": 70,
        "preview": "",
    }
    workspace.show(samples.root_message(), samples.checkpoint_message() | {"files": [picture]})
    page = open_page(thread=samples.ROOT)
    card = page.get_by_role("region", name="File out/plot.png")

    image = card.get_by_role("img", name="out/plot.png")
    expect(image).to_have_js_property("naturalWidth", 1)
    card.get_by_role("button", name="Open").click()
    viewer = page.get_by_role("dialog", name="out/plot.png")
    expect(viewer.get_by_role("img", name="out/plot.png")).to_have_js_property("naturalWidth", 1)


def test_a_broadcast_reply_is_in_the_channel_and_names_its_thread(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    reply = samples.checkpoint_message() | {"broadcast": True}
    workspace.show(samples.root_message(), reply)
    page = open_page()

    replied = page.get_by_role("article").filter(has_text="replied to a thread")
    replied.get_by_role("button", name="asked for plan").click()
    expect(page.get_by_test_id("thread")).to_be_visible()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_has_enough_contrast(open_page: OpenPage, *, dark: bool) -> None:
    page = open_page(thread=samples.ROOT, dark=dark)
    poor = poor_contrasts(page)
    assert poor == []


def poor_contrasts(page: Page) -> list[str]:
    """Each visible text whose contrast with its background is below 4.5 to 1."""
    problems: list[str] = page.evaluate(
        """() => {
          const parse = (colour) => {
            const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
            return { r, g, b, a };
          };
          const over = (top, under) => ({
            r: top.r * top.a + under.r * (1 - top.a),
            g: top.g * top.a + under.g * (1 - top.a),
            b: top.b * top.a + under.b * (1 - top.a),
            a: 1,
          });
          const ground = (element) => {
            const layers = [];
            for (let at = element; at; at = at.parentElement) {
              const colour = parse(getComputedStyle(at).backgroundColor);
              layers.push(colour);
              if (colour.a === 1) break;
            }
            return layers.reverse().reduce((under, top) => over(top, under));
          };
          const light = ({ r, g, b }) => {
            const linear = (part) => {
              const share = part / 255;
              return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
            };
            return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
          };
          const poor = [];
          const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          while (walker.nextNode()) {
            const element = walker.currentNode.parentElement;
            if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
            const below = ground(element);
            const ink = light(over(parse(getComputedStyle(element).color), below));
            const paper = light(below);
            const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
            if (ratio < 4.5) poor.push(`${walker.currentNode.data.trim()}: ${ratio.toFixed(2)}`);
          }
          return poor;
        }"""
    )
    return problems
