"""Text from models and other people is displayed and never executed."""

from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.practice.page import samples
from tests.practice.page.canned import CannedWorkspace
from tests.practice.page.conftest import OpenPage

pytestmark = pytest.mark.browser

TS = "1795420900.000100"
HOSTILE = (
    '<img src=x onerror="alert(1)"> <script>alert(2)</script> '
    '<iframe src="https://example.org"></iframe> <style>*{display:none}</style> '
    "![pixel](https://example.org/p.png) [run](javascript:alert(3)) <javascript:alert(4)|run> "
    "[data](data:text/html,<script>alert(5)</script>) <vbscript:x|run> javascript:alert(6)"
)
EVERYWHERE = [
    {"type": "header", "text": {"type": "plain_text", "text": HOSTILE}},
    {
        "type": "section",
        "text": {"type": "mrkdwn", "text": HOSTILE},
        "fields": [{"type": "plain_text", "text": HOSTILE}],
    },
    {"type": "context", "elements": [{"type": "mrkdwn", "text": HOSTILE}]},
    {"type": "markdown", "text": HOSTILE},
    {"type": "plan", "title": HOSTILE, "tasks": [samples.task("t", HOSTILE, "error", HOSTILE)]},
    {"type": "table", "rows": [[{"type": "raw_text", "text": HOSTILE}]]},
    {"type": "image", "image_url": "javascript:alert(7)", "alt_text": HOSTILE},
    {
        "type": "rich_text",
        "elements": [
            {
                "type": "rich_text_section",
                "elements": [
                    {"type": "text", "text": HOSTILE},
                    {"type": "link", "url": "javascript:alert(8)", "text": HOSTILE},
                ],
            }
        ],
    },
    {"type": "actions", "elements": [samples.button(HOSTILE, "go", url="javascript:alert(9)")]},
    {"type": HOSTILE},
]


@pytest.fixture
def shown(workspace: CannedWorkspace, open_page: OpenPage) -> Any:
    def show(text: str, blocks: list[Any] | None = None, **more: Any) -> Locator:
        message = samples.message(TS, user=samples.BOT, text=text, **more)
        numbered = [{**block, "block_id": f"b{at}"} for at, block in enumerate(blocks or [])]
        workspace.show({**message, "blocks": numbered} if numbered else message)
        return open_page().locator(f'[data-ts="{TS}"] .message-content')

    return show


def test_markup_and_scripts_stay_text_in_every_block(shown: Any) -> None:
    content = shown(HOSTILE, EVERYWHERE)

    expect(content.get_by_text("<script>alert(2)</script>").first).to_be_visible()
    expect(content.locator("img, script, iframe, style, object, form")).to_have_count(0)
    addresses = content.locator("a").evaluate_all("links => links.map(link => link.protocol)")
    assert set(addresses) <= {"http:", "https:", "mailto:"}
    inline = content.evaluate(
        "node => [...node.querySelectorAll('*')]"
        ".filter(e => [...e.attributes].some(a => /^on|^style$/.test(a.name))).length"
    )
    assert inline == 0
    content.get_by_role("button").click()
    content.get_by_text("run").first.click()


def test_names_of_files_and_authors_stay_text(shown: Any) -> None:
    content = shown(
        "see file",
        username=HOSTILE,
        bot_id="B0OTHER",
        files=[{"id": "F1", "name": "../../x?<b>.md", "title": HOSTILE, "preview": HOSTILE}],
    )
    article = content.locator("xpath=ancestor::article")

    expect(article.locator("img, script, iframe")).to_have_count(0)
    download = article.get_by_role("link", name="Download")
    expect(download).to_have_attribute("href", "/page/files/F1/..%2F..%2Fx%3F%3Cb%3E.md?download=1")


def test_a_link_that_names_another_host_shows_where_it_goes(shown: Any) -> None:
    content = shown(
        "<https://evil.example/login|https://bank.example/login> <https://ok.example|go>"
    )

    expect(content).to_have_text("https://bank.example/login (evil.example) go")


def test_characters_that_change_the_reading_direction_are_visible(shown: Any) -> None:
    content = shown(
        "", [{"type": "header", "text": {"type": "plain_text", "text": "Pay \u202e001\u202c now"}}]
    )

    expect(content).to_have_text("Pay U+202E001U+202C now")
    expect(content.locator(".direction-mark")).to_have_count(2)


def test_right_to_left_text_stays_in_its_own_line(shown: Any) -> None:
    content = shown("\u05d0\u05d1\u05d2 \u2067xyz\nnext")
    isolation = content.locator(".flow").evaluate("node => getComputedStyle(node).unicodeBidi")

    assert isolation == "isolate"


@pytest.mark.parametrize(
    "text",
    [
        "*a " * 20_000,
        "[" * 60_000,
        "> " * 5_000 + "deep",
        "\n".join(" " * at + "- item" for at in range(400)),
        "`" * 30_000 + "|" * 30_000,
        "<" * 60_000,
        "a|b\n-|-\n" * 6_000,
    ],
    ids=["stars", "brackets", "quotes", "lists", "ticks", "angles", "tables"],
)
def test_long_and_deep_text_is_drawn_in_time(
    workspace: CannedWorkspace, open_page: OpenPage, text: str
) -> None:
    page = open_page()
    drawn = page.evaluate(
        """async (text) => {
          const { markdown } = await import("/static/js/text/markdown.js");
          const { mrkdwn } = await import("/static/js/text/mrkdwn.js");
          const names = { user: (id) => id, channel: (id) => id, usergroup: (id) => id };
          const begun = performance.now();
          const nodes = [...markdown(text, names), ...mrkdwn(text, names)];
          return { ms: performance.now() - begun, nodes: nodes.length };
        }""",
        text,
    )

    assert drawn["nodes"] > 0
    assert drawn["ms"] < 5000
