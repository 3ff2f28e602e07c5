"""Each type of block and text, as a reader sees it."""

from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.practice.page import samples
from tests.practice.page.canned import CannedWorkspace
from tests.practice.page.conftest import OpenPage, texts

pytestmark = pytest.mark.browser

Json = dict[str, Any]
TS = "1795420900.000100"


@pytest.fixture
def shown(workspace: CannedWorkspace, open_page: OpenPage) -> Any:
    """The content of a message by the bot with these blocks or this text."""

    def show(*blocks: Json, text: str = "") -> Locator:
        numbered = [{"block_id": f"b{at}", **block} for at, block in enumerate(blocks)]
        message = samples.message(TS, user=samples.BOT, bot_id="B0BOT", text=text)
        workspace.show({**message, "blocks": numbered} if numbered else message)
        return open_page().locator(f'[data-ts="{TS}"] .message-content')

    return show


def test_header_section_fields_and_context(shown: Any) -> None:
    content = shown(
        {"type": "header", "text": {"type": "plain_text", "text": "Sign-off :white_check_mark:"}},
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": "*Run* `ex-1`"},
            "fields": [
                {"type": "mrkdwn", "text": "*Crew*\nplan"},
                {"type": "plain_text", "text": "Since 10:24"},
            ],
            "accessory": samples.button("Details", "details"),
        },
        {"type": "divider"},
        {
            "type": "context",
            "elements": [
                {"type": "mrkdwn", "text": f"asked by <@{samples.ANA}>"},
                {"type": "image", "image_url": "/static/icon.svg", "alt_text": "a tick"},
            ],
        },
    )

    expect(content.get_by_role("heading", name="Sign-off ✅")).to_be_visible()
    assert texts(content.locator("strong")) == ["Run", "Crew"]
    assert texts(content.locator("code")) == ["ex-1"]
    assert texts(content.locator(".k-field")) == ["Crew\nplan", "Since 10:24"]
    expect(content.get_by_role("button", name="Details")).to_be_visible()
    expect(content.locator("hr")).to_have_count(1)
    expect(content.get_by_text("asked by @Ana Lima")).to_be_visible()
    expect(content.get_by_role("img", name="a tick")).to_be_visible()


def test_markdown_headings_lists_tables_quotes_and_code(shown: Any) -> None:
    text = """\
# Plan
Some **bold**, *slanted*, ~~gone~~, `code` and ***both***.
Second line with [a link](https://example.org/a_b "title").

1. first
2. second
   - inner *one*
   - inner two

     with a paragraph

- [x] done
- [ ] open

> quoted
> > deeper

| Left | Right | Middle |
|---|---:|:-:|
| a \\| b | 1 | **x** |

```python
print("<b>")
```
---
snake_case_name and 2 * 3 * 4 stay, \\*so does this\\*"""
    content = shown({"type": "markdown", "text": text})

    expect(content.get_by_role("heading", name="Plan")).to_be_visible()
    assert texts(content.locator("p strong")) == ["bold", "both"]
    assert texts(content.locator("p em")) == ["slanted", "both", "one"]
    assert texts(content.locator("s")) == ["gone"]
    link = content.get_by_role("link", name="a link")
    expect(link).to_have_attribute("href", "https://example.org/a_b")
    expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
    assert content.locator("ol > li").count() == 2
    assert texts(content.locator("ol ul > li")) == ["inner one", "inner two\n\nwith a paragraph"]
    expect(content.get_by_role("img", name="done", exact=True)).to_be_visible()
    expect(content.get_by_role("img", name="not done")).to_be_visible()
    assert texts(content.locator("blockquote blockquote")) == ["deeper"]
    assert texts(content.get_by_role("columnheader")) == ["Left", "Right", "Middle"]
    assert texts(content.get_by_role("cell")) == ["a | b", "1", "x"]
    expect(content.get_by_role("cell", name="1")).to_have_class("align-right")
    assert texts(content.locator("pre")) == ['print("<b>")']
    expect(content.locator("hr")).to_have_count(1)
    expect(
        content.get_by_text("snake_case_name and 2 * 3 * 4 stay, *so does this*")
    ).to_be_visible()


def test_mrkdwn_marks_mentions_dates_and_quotes(shown: Any) -> None:
    content = shown(
        text=f"*bold* _slanted_ ~gone~ `a*b*` 2*3*4\n> quoted\n• one\n• two\n"
        f"<@{samples.BEN}> <@{samples.ANA}|old> <#{samples.GENERAL}> <!subteam^S0EDIT|@old> "
        "<!here>\n"
        "<!date^1795424700^{date_num} {time}|never> <https://example.org/x|here> "
        "<mailto:a@example.org|mail> https://example.org/bare. "
        "&lt;b&gt; &amp;amp; :hourglass_flowing_sand: :no_such_emoji:\n"
        "```first\n*second*```"
    )

    assert texts(content.locator("strong")) == ["bold"]
    assert texts(content.locator("em")) == ["slanted"]
    assert texts(content.locator("code")) == ["a*b*"]
    expect(content).to_contain_text("2*3*4")
    assert texts(content.locator("blockquote")) == ["quoted"]
    expect(content.locator(".listed")).to_have_text(["• one", "• two"])
    mentions = ["@Ben Okafor", "@Ana Lima", "#general", "@editors", "@here"]
    assert texts(content.locator(".mention")) == mentions
    assert texts(content.locator(".mention-me")) == ["@Ben Okafor", "@editors", "@here"]
    expect(content.locator("time")).to_have_text("2026-11-23 10:05")
    expect(content.get_by_role("link", name="here")).to_have_attribute(
        "href", "https://example.org/x"
    )
    expect(content.get_by_role("link", name="mail")).to_have_attribute(
        "href", "mailto:a@example.org"
    )
    bare = content.get_by_role("link", name="https://example.org/bare")
    expect(bare).to_have_attribute("href", "https://example.org/bare")
    expect(content).to_contain_text("<b> &amp; ⏳ :no_such_emoji:")
    assert texts(content.locator("pre")) == ["first\n*second*"]


def test_rich_text_sections_lists_and_leaves(shown: Any) -> None:
    def leaves(*elements: Json) -> Json:
        return {"type": "rich_text_section", "elements": list(elements)}

    def styled(text: str, **style: bool) -> Json:
        return {"type": "text", "text": text, "style": style}

    content = shown(
        {
            "type": "rich_text",
            "elements": [
                leaves(
                    styled("all", bold=True, italic=True, strike=True),
                    {"type": "user", "user_id": samples.ANA},
                    {"type": "emoji", "name": "tada"},
                    {"type": "link", "url": "https://example.org/", "text": "site"},
                    {"type": "broadcast", "range": "channel"},
                ),
                {
                    "type": "rich_text_list",
                    "style": "ordered",
                    "offset": 2,
                    "elements": [leaves({"type": "text", "text": "third"})],
                },
                {
                    "type": "rich_text_list",
                    "style": "bullet",
                    "indent": 1,
                    "elements": [leaves({"type": "text", "text": "inner"})],
                },
                {"type": "rich_text_quote", "elements": [{"type": "text", "text": "said"}]},
                {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "a\nb"}]},
            ],
        }
    )

    expect(content.locator("s em strong")).to_have_text("all")
    assert texts(content.locator(".mention")) == ["@Ana Lima", "@channel"]
    expect(content.get_by_role("img", name="tada")).to_have_text("🎉")
    expect(content.get_by_role("link", name="site")).to_have_attribute(
        "href", "https://example.org/"
    )
    expect(content.locator("ol")).to_have_attribute("start", "3")
    expect(content.locator("ul.rt-indent-1 > li")).to_have_text("inner")
    expect(content.locator("blockquote")).to_have_text("said")
    assert texts(content.locator("pre")) == ["a\nb"]


def test_plan_shows_each_task_with_its_status_and_folds(shown: Any) -> None:
    content = shown(
        {
            "type": "plan",
            "title": "Planning the campaign",
            "tasks": [
                samples.task("t1", "planning", "complete", "41 seconds"),
                samples.task("t2", "analysis", "in_progress", "reads reviews"),
                samples.task("t3", "strategy", "pending"),
                samples.task("t4", "finalization", "error", "the model did not answer"),
            ],
        }
    )

    for status in ("done", "in progress", "to do", "failed"):
        expect(content.get_by_role("img", name=status, exact=True)).to_be_visible()
    expect(content.get_by_text("1 of 4 done")).to_be_visible()
    expect(content.get_by_text("41 seconds")).to_be_hidden()
    expect(content.get_by_text("reads reviews")).to_be_visible()
    expect(content.get_by_text("the model did not answer")).to_be_visible()

    content.get_by_text("planning", exact=True).click()
    expect(content.get_by_text("41 seconds")).to_be_visible()
    content.get_by_text("Planning the campaign").click()
    expect(content.get_by_text("strategy")).to_be_hidden()


def test_table_block_has_a_head_and_aligned_cells(shown: Any) -> None:
    def raw(text: str) -> Json:
        return {"type": "raw_text", "text": text}

    rich = {
        "type": "rich_text",
        "elements": [
            {
                "type": "rich_text_section",
                "elements": [{"type": "text", "text": "72", "style": {"bold": True}}],
            }
        ],
    }
    content = shown(
        {
            "type": "table",
            "rows": [[raw("Trend"), raw("Value")], [raw("Cargo bikes"), rich]],
            "column_settings": [{"align": "left"}, {"align": "right"}],
        }
    )

    assert texts(content.get_by_role("columnheader")) == ["Trend", "Value"]
    assert texts(content.get_by_role("cell")) == ["Cargo bikes", "72"]
    expect(content.locator("td strong")).to_have_text("72")
    expect(content.get_by_role("cell", name="72")).to_have_class("align-right")


def test_images_of_this_server_are_shown_and_others_are_only_linked(shown: Any) -> None:
    def image(url: str, alt: str) -> Json:
        return {"type": "image", "image_url": url, "alt_text": alt}

    content = shown(image("/static/icon.svg", "ours"), image("https://example.org/p.png", "theirs"))

    expect(content.get_by_role("img", name="ours")).to_be_visible()
    expect(content.get_by_role("img", name="theirs")).to_have_count(0)
    expect(content.get_by_role("link", name="theirs")).to_have_attribute(
        "href", "https://example.org/p.png"
    )


def test_unknown_blocks_are_shown_as_unsupported(shown: Any) -> None:
    content = shown(
        {"type": "hologram", "depth": 3},
        {"type": "actions", "elements": [{"type": "lever", "action_id": "pull"}]},
        {"type": "constructor"},
    )

    expect(content.get_by_text("Unsupported block: hologram")).to_be_visible()
    expect(content.get_by_text("Unsupported element: lever")).to_be_visible()
    expect(content.get_by_text("Unsupported block: constructor")).to_be_visible()
    content.get_by_text("Unsupported block: hologram").click()
    expect(content.get_by_text('"depth": 3')).to_be_visible()
