"""The page is never kinder than Slack: entities, quotes, folded plans, text to the letter."""

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.practice.page import samples
from tests.practice.page.canned import CannedWorkspace
from tests.practice.page.conftest import OpenPage, texts

pytestmark = pytest.mark.browser

Json = dict[str, Any]
TS = "1795420900.000100"


def message(*blocks: Json) -> Json:
    return samples.message(TS, user=samples.BOT, bot_id="B0BOT", text="x") | {
        "blocks": [{"block_id": f"b{at}", **block} for at, block in enumerate(blocks)]
    }


def content_of(page: Page) -> Locator:
    return page.locator(f'[data-ts="{TS}"] .message-content')


@pytest.fixture
def shown(workspace: CannedWorkspace, open_page: OpenPage) -> Any:
    """The content of a message by the bot with these blocks."""

    def show(*blocks: Json) -> Locator:
        workspace.show(message(*blocks))
        return content_of(open_page())

    return show


def plan(block_id: str, title: str) -> Json:
    task = {"type": "task_card", "task_id": "1", "title": "Draft", "status": "in_progress"}
    return {"type": "plan", "block_id": block_id, "title": title, "tasks": [task]}


def rich(*elements: Json) -> Json:
    return {"type": "rich_text", "elements": list(elements)}


def section(*leaves: Json) -> Json:
    return {"type": "rich_text_section", "elements": list(leaves)}


def leaf(text: str, **style: bool) -> Json:
    return {"type": "text", "text": text} | ({"style": style} if style else {})


def test_markdown_decodes_entities_in_prose_only(shown: Any) -> None:
    content = shown(
        {
            "type": "markdown",
            "text": "a &lt; b, `c &lt; d`\n\n```\ne &amp;&amp; f\n```\n\n"
            "[page](https://example.com/?a=1&amp;b=2)",
        }
    )

    expect(content).to_contain_text("a < b, c &lt; d")
    expect(content.locator("pre")).to_have_text("e &amp;&amp; f")
    expect(content.get_by_role("link")).to_have_attribute(
        "href", "https://example.com/?a=1&amp;b=2"
    )


def test_an_escaped_angle_bracket_is_no_quote_in_markdown(shown: Any) -> None:
    content = shown({"type": "markdown", "text": "&gt; not quoted\n\n> quoted"})

    assert texts(content.locator("blockquote")) == ["quoted"]
    expect(content).to_contain_text("> not quoted")


def test_an_update_folds_a_plan_unless_its_block_id_stays(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    workspace.show(message(plan("plan_1", "Phase 1")))
    page = open_page()
    shown_plan = content_of(page).locator(".k-plan")
    expect(shown_plan).to_have_attribute("open", "")

    def update(block: Json) -> None:
        edited = message(block) | {"channel": samples.CAMPAIGNS}
        workspace.push({"type": "message_changed", "message": edited})

    update(plan("plan_1", "Phase 2"))
    expect(shown_plan).to_contain_text("Phase 2")
    expect(shown_plan).to_have_attribute("open", "")
    update(plan("other", "Phase 3"))
    expect(shown_plan).to_contain_text("Phase 3")
    expect(shown_plan).not_to_have_attribute("open", "")


def test_rich_text_is_shown_to_the_letter(shown: Any) -> None:
    text = "a < b &amp; *c*  two  spaces :tada: <@U1> `x`\n> line"
    content = shown(rich(section(leaf(text))))

    assert content.locator(".rt-section").evaluate("e => e.innerText") == text
    assert content.locator(".rt-section strong, .rt-section code").count() == 0


def test_rich_text_lists_have_indents_offsets_and_borders(shown: Any) -> None:
    bullet = {"type": "rich_text_list", "style": "bullet"}
    content = shown(
        rich(
            bullet | {"elements": [section(leaf("one"))]},
            bullet | {"indent": 2, "border": 1, "elements": [section(leaf("deep"))]},
            {
                "type": "rich_text_list",
                "style": "ordered",
                "offset": 4,
                "elements": [section(leaf("five"))],
            },
            {"type": "rich_text_preformatted", "elements": [leaf("if a < b:\n    pass")]},
            {"type": "rich_text_quote", "elements": [leaf("said", italic=True)]},
        )
    )

    deep = content.locator("ul").nth(1)
    assert deep.evaluate("e => getComputedStyle(e).listStyleType") == "square"
    assert deep.evaluate("e => getComputedStyle(e).borderLeftWidth") == "4px"
    first, second = (content.locator("li").nth(at).bounding_box() for at in (0, 1))
    assert first is not None
    assert second is not None
    assert second["x"] > first["x"] + 20
    expect(content.locator("ol")).to_have_attribute("start", "5")
    assert content.locator("pre").evaluate("e => e.innerText") == "if a < b:\n    pass"
    expect(content.locator("blockquote em")).to_have_text("said")


def test_newer_blocks_are_shown_and_their_buttons_work(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    card = {
        "type": "card",
        "block_id": "card",
        "title": {"type": "mrkdwn", "text": "*Plan*"},
        "actions": [samples.button("Open", "open")],
    }
    chart = {"type": "pie", "segments": [{"label": "Draft", "value": 3}]}
    table = [
        [{"type": "raw_text", "text": "Cost"}],
        [{"type": "raw_number", "value": 3, "text": "3 €"}],
    ]
    workspace.show(
        message(
            card,
            {
                "type": "container",
                "title": {"type": "plain_text", "text": "Details"},
                "is_collapsible": True,
                "default_collapsed": True,
                "child_blocks": [{"type": "header", "text": {"type": "plain_text", "text": "In"}}],
            },
            {"type": "data_table", "caption": "Costs", "rows": table},
            {"type": "data_visualization", "title": "Share", "chart": chart},
        )
    )
    page = open_page()
    content = content_of(page)

    expect(content.locator(".k-container")).not_to_have_attribute("open", "")
    expect(content).to_contain_text("3 €")
    expect(content).to_contain_text("Draft")
    content.get_by_role("button", name="Open").click()
    sent = workspace.wait_for_call("/page/interact")
    assert (sent["block_id"], sent["action_id"]) == ("card", "open")
    expect(page.locator(".k-unsupported")).to_have_count(0)


def test_a_permalink_goes_to_its_message(workspace: CannedWorkspace, open_page: OpenPage) -> None:
    many = [
        samples.message(f"17954209{at:02d}.000100", user=samples.ANA, text=f"message {at}")
        for at in range(60)
    ]
    workspace.show(*many)
    page = open_page()
    page.goto(f"{workspace.address}/?link#c={samples.CAMPAIGNS}&m={many[3]['ts']}")

    revealed = page.locator(".message-revealed")
    expect(revealed).to_contain_text("message 3")
    expect(revealed).to_be_in_viewport()
