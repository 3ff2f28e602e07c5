"""How many blocks Slack makes of Markdown."""

from __future__ import annotations

import pytest

from practice.limits import Rules, check_message
from practice.limits.expansion import expanded

TABLE = "| a | b |\n| - | - |\n| 1 | 2 |"


@pytest.mark.parametrize(
    ("markdown", "blocks", "tables"),
    [
        ("", 0, 0),
        ("one\n\ntwo\n- three", 1, 0),
        ("# One\ntext\n## Two\ntext", 4, 0),
        ("Title\n=====\n\ntext", 2, 0),
        ("text\n\n---\n\ntext", 3, 0),
        ("* * *", 1, 0),
        (TABLE, 1, 1),
        (f"before\n\n{TABLE}\n\nafter\n\n{TABLE}", 4, 2),
        ("```\n# no heading\n---\n| a |\n| - |\n```", 1, 0),
        ("#hashtag and a | in prose", 1, 0),
        ("~~~~\n# code\n~~~\n# still code\n~~~~\n# heading", 2, 0),
    ],
)
def test_headings_rules_tables_and_runs_are_blocks(markdown: str, blocks: int, tables: int) -> None:
    result = expanded(markdown)
    assert (result.blocks, result.tables) == (blocks, tables)


def markdown_block(text: str) -> dict[str, object]:
    return {"type": "markdown", "text": text}


def errors(*blocks: dict[str, object], rules: Rules | None = None) -> list[str]:
    return [p.error for p in check_message("text", list(blocks), rules or Rules())]


def test_fifty_headings_pass_and_fifty_one_do_not() -> None:
    assert errors(markdown_block("# x\n" * 50)) == []
    assert errors(markdown_block("# x\n" * 51)) == ["invalid_blocks"]
    assert errors(markdown_block("# x\n" * 50), {"type": "divider"}) == ["invalid_blocks"]
    assert errors(markdown_block("# x\n" * 51), rules=Rules(expand_markdown=False)) == []


def test_a_message_has_one_table_in_markdown_or_as_a_block() -> None:
    block: dict[str, object] = {"type": "table", "rows": [[{"type": "raw_text", "text": "a"}]]}
    assert errors(block) == []
    assert errors(block, block) == ["invalid_attachments"]
    assert errors(block, markdown_block(TABLE)) == ["invalid_attachments"]
    assert errors(markdown_block(f"{TABLE}\n\n{TABLE}")) == ["invalid_attachments"]
    lenient = Rules(one_table_in_markdown=False)
    assert errors(markdown_block(f"{TABLE}\n\n{TABLE}"), rules=lenient) == []
    assert errors(block, block, rules=lenient) == ["invalid_attachments"]


def test_a_message_may_be_counted_in_bytes() -> None:
    japanese = markdown_block("あ" * 4001)
    assert errors(japanese) == []
    assert errors(japanese, rules=Rules(count_bytes=True)) == ["invalid_blocks"]


def test_the_stricter_size_can_be_chosen() -> None:
    text: dict[str, object] = {
        "type": "section",
        "text": {"type": "plain_text", "text": "x" * 2600},
    }
    assert errors(*[text] * 5) == []
    assert errors(*[text] * 6) == ["msg_blocks_too_long"]
    assert errors(*[text] * 4, rules=Rules(message_characters=10_000)) == ["msg_blocks_too_long"]
