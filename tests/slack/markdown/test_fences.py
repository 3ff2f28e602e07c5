"""Code that is put into Markdown stays code, and what follows it does not become code."""

from __future__ import annotations

import pytest

from bot.slack.render.markdown import fences
from bot.slack.render.markdown.pages import pages
from tests.slack.markdown.shown import sent, shown


@pytest.mark.parametrize("code", ["x = 1", "a\n```\nb", "````", "```json\n{}\n```"])
def test_nothing_in_code_ends_it(code: str) -> None:
    ((block,),) = sent(pages(fences.fenced(code)))
    assert [element["type"] for element in block["elements"]] == ["rich_text_preformatted"]
    assert shown(block) == code


@pytest.mark.parametrize(
    "markdown",
    ["See:\n```\ncode", "~~~python\ncode", "````\n```\ncode", "```\na\n```\n\n```\ncode\n~~~"],
)
def test_what_follows_an_open_fence_is_not_code(markdown: str) -> None:
    ((block,),) = sent(pages(f"{fences.closed(markdown)}\n\nAfter"))
    assert block["elements"][-2]["type"] == "rich_text_preformatted"
    assert shown(block["elements"][-1]) == "After"


@pytest.mark.parametrize("markdown", ["", "text", "```\na\n```", "~~~\n```\n~~~", "``` x ``` y"])
def test_closed_code_stays_as_it_is(markdown: str) -> None:
    assert fences.closed(markdown) == markdown
