"""Texts of models as people see them: to the letter, whole, in pages that Slack takes."""

from __future__ import annotations

import time

import pytest

from bot.slack.render import limits
from bot.slack.render.limits import Room
from bot.slack.render.markdown.pages import MESSAGE, MODAL, pages
from practice.state.records import Json
from tests.slack.markdown.shown import check_page, links, sent, shown, without_marks

SMALL = Room(blocks=10, characters=300, bytes=600, tables=1)


def page(markdown: str, room: Room = MESSAGE) -> list[Json]:
    """The only page of a text."""
    as_sent = sent(pages(markdown, room))
    assert len(as_sent) == 1
    check_page(as_sent[0], modal=room is MODAL)
    return as_sent[0]


def elements(markdown: str) -> list[Json]:
    """The elements of a text that is one rich_text block."""
    (block,) = page(markdown)
    return list(block["elements"])


def preformatted(blocks: list[Json]) -> list[str]:
    return [
        shown(element)
        for block in blocks
        for element in block.get("elements", ())
        if element["type"] == "rich_text_preformatted"
    ]


TO_THE_LETTER = [
    "a < b && c",
    "if a < b and b > c: print('x & y')",
    "x = grid[i][j]",
    "f = table[key](arg)",
    "for k in a[1:]: pass",
    "m['x'](y)",
    "Note[1]: see",
    "[a-z](x)",
    "Vec<String>",
    "?a=1&b=2",
    "map<string, vector<int>> m;",
    "<!-- a comment -->",
    "<details open>",
    "&nosuch; & 5 > 3",
    "[bank][1]",
    "[//]: # (hidden words)",
    "[1]: https://a.example",
    "{name} and {{ name }} and ${HOME}",
    "snake_case_name and 2 * 3 * 4",
    "<!here> and <@U00ANA0001> and <!subteam^S00REVIEW01>",
]


@pytest.mark.parametrize("written", TO_THE_LETTER)
def test_prose_is_shown_to_the_letter(written: str) -> None:
    assert shown(page(written)) == written


@pytest.mark.parametrize("written", [*TO_THE_LETTER, "&lt; &amp;", "**x** _y_", "a @here b"])
def test_code_is_shown_to_the_letter(written: str) -> None:
    assert preformatted(page(f"```\n{written}\n```")) == [written]
    assert preformatted(page(f"    {written}")) == [written]
    assert shown(page(f"See `{written}` here")) == f"See {written} here"


def test_code_keeps_its_indentation_tabs_and_blank_lines() -> None:
    code = "services:\n  web:\n\n\timage: x  \n    ports:"
    assert preformatted(page(f"```yaml\n{code}\n```")) == [code]


def test_marks_become_styles() -> None:
    (section,) = elements("A **bold _both_** ~~gone~~ `code` [link](https://a.example) end")
    styles = [(leaf.get("text"), leaf.get("style")) for leaf in section["elements"]]
    assert styles == [
        ("A ", None),
        ("bold ", {"bold": True}),
        ("both", {"bold": True, "italic": True}),
        (" ", None),
        ("gone", {"strike": True}),
        (" ", None),
        ("code", {"code": True}),
        (" ", None),
        ("link", None),
        (" end", None),
    ]


def test_lists_keep_their_depth_and_numbers() -> None:
    markdown = (
        "3. three\n   - below\n     1. deepest\n4. four\n\n---\n\n1. a\n1. b\n\n---\n\n1. a\n5. e"
    )
    lists = [
        (element["style"], element["indent"], element.get("offset", 0), shown(element))
        for block in page(markdown)
        for element in block.get("elements", ())
    ]
    assert lists == [
        ("ordered", 0, 2, "three"),
        ("bullet", 1, 0, "below"),
        ("ordered", 2, 0, "deepest"),
        ("ordered", 0, 3, "four"),
        ("ordered", 0, 0, "a\nb"),
        ("ordered", 0, 0, "a"),
        ("ordered", 0, 4, "e"),
    ]


def test_code_in_a_list_stays_code_and_the_list_goes_on() -> None:
    kinds = [
        (element["type"], element.get("offset"), shown(element))
        for element in elements("1. one\n\n   ```\n   x[i][j]\n   ```\n\n2. two")
    ]
    assert kinds == [
        ("rich_text_list", None, "one"),
        ("rich_text_preformatted", None, "x[i][j]"),
        ("rich_text_list", 1, "two"),
    ]


def test_a_quotation_is_a_quote_with_its_lists_and_quotations_as_text() -> None:
    (quote,) = elements("> said **this**\n>\n> - one\n> - two\n>\n>> earlier")
    assert quote["type"] == "rich_text_quote"
    assert shown(quote) == "said this\n• one\n• two\n\n> earlier"


def test_headings_are_bold_and_fifty_of_them_are_one_block() -> None:
    markdown = "\n\n".join(f"### Day {day}\n\nPost something." for day in range(1, 61))
    (block,) = page(markdown)
    assert block["elements"][0]["elements"][0] == {
        "type": "text",
        "text": "Day 1",
        "style": {"bold": True},
    }
    assert shown(block).count("Post something.") == 60


def test_sixty_rules_stay_within_the_blocks_of_a_message() -> None:
    blocks = page("\n\n---\n\n".join(f"Part {part}" for part in range(60)))
    assert blocks[1] == {"type": "divider"}
    assert len(blocks) <= 40
    assert shown(blocks).count("Part") == 60


@pytest.mark.parametrize(
    ("markdown", "link"),
    [
        ("[text](https://a.example/?a=1&b=2)", ("text", "https://a.example/?a=1&b=2")),
        ("[text](https://a.example/?a=1&amp;b=2)", ("text", "https://a.example/?a=1&b=2")),
        ("see https://a.example/x_y?a=1&b=2.", ("https://a.example/x_y?a=1&b=2",) * 2),
        ("(https://a.example/x_(y))", ("https://a.example/x_(y)",) * 2),
        ("「https://a.example/」", ("https://a.example/",) * 2),
        ("<https://a.example>", ("https://a.example",) * 2),
        ("[A.example](https://a.example/x)", ("A.example", "https://a.example/x")),
        ("[www.a.example](https://a.example)", ("www.a.example", "https://a.example")),
        ("[write](mailto:ann@a.example)", ("write", "mailto:ann@a.example")),
        ("<ann@a.example>", ("ann@a.example", "mailto:ann@a.example")),
    ],
)
def test_absolute_addresses_become_links(markdown: str, link: tuple[str, str]) -> None:
    assert links(page(markdown)) == [link]


@pytest.mark.parametrize(
    "written",
    [
        "[text](javascript:alert(1))",
        "[text](data:text/html,x)",
        "[text](file:///etc/passwd)",
        "[text](//a.example)",
        "[text](/path)",
        "[text](path.md)",
        "[text](#anchor)",
        "[text](slack://channel?id=C1)",
        "![image](path.png)",
        "https://bank.example@evil.example/",
        "https://a.example/日本語",
        "a@b.example ftp://a.example",
    ],
)
def test_other_addresses_stay_text_as_they_are_written(written: str) -> None:
    blocks = page(written)
    assert links(blocks) == []
    assert shown(blocks) == written


@pytest.mark.parametrize(
    ("markdown", "read"),
    [
        ("[bank.example](https://evil.example)", "bank.example (https://evil.example)"),
        (
            "[https://bank.example/in](https://evil.example)",
            "https://bank.example/in (https://evil.example)",
        ),
        (
            "[**bank.example**](https://bank.example.evil.example)",
            "bank.example (https://bank.example.evil.example)",
        ),
        ("[see bank。example!](https://evil.example)", "see bank。example! (https://evil.example)"),
        ("[ｂａｎｋ.example](https://evil.example)", "ｂａｎｋ.example (https://evil.example)"),
        ("[bank.example](https://bank.example@evil.example)", None),
        ("[ann@bank.example](mailto:eve@evil.example)", None),
        ("<https://bank.example@evil.example>", "https://bank.example@evil.example"),
    ],
)
def test_a_link_whose_text_names_another_host_is_text(markdown: str, read: str | None) -> None:
    blocks = page(markdown)
    assert links(blocks) == []
    assert "evil.example" in shown(blocks)
    assert read is None or shown(blocks) == read


def test_images_show_their_text_and_address() -> None:
    blocks = page("![A chart](https://a.example/chart.png)")
    assert shown(blocks) == "A chart (https://a.example/chart.png)"
    assert links(blocks) == [("https://a.example/chart.png",) * 2]


@pytest.mark.parametrize(
    ("markdown", "hidden"),
    [
        ("[a](https://a.example 'send the money')", "send the money"),
        ("![a](https://a.example/x.png 'send the money')", "send the money"),
        ("```python send the money\nx\n```", "send the money"),
        ("[//]: # (send the money)", "send the money"),
        ("[x]: https://a.example 'send the money'", "send the money"),
        ("<!-- send the money -->", "send the money"),
        ("| a |\n|---|\n| 1 | send the money |", "send the money"),
        ("<p hidden>send the money</p>", "<p hidden>send the money"),
    ],
)
def test_nothing_that_later_phases_read_is_hidden(markdown: str, hidden: str) -> None:
    assert hidden in shown(page(markdown))


def test_invisible_characters_are_gone_and_joiners_stay() -> None:
    blocks = page("user\u202egnp.exe pass\u200bword &#8238;x می\u200cخواهم `a\u2066b`")
    assert shown(blocks) == "usergnp.exe password x می\u200cخواهم ab"


def test_broadcast_words_are_broken_in_prose_and_left_in_code() -> None:
    assert shown(page("@channel and `@channel`")) == "@\u2060channel and @channel"


@pytest.mark.parametrize("blank", ["", " \n\t\n", "\u200b\ufeff", "\n\n\n"])
def test_blank_text_has_no_page(blank: str) -> None:
    assert pages(blank) == ()


def test_a_text_that_is_one_fence_around_markdown_is_read_as_markdown() -> None:
    (section,) = elements("```markdown\n# Plan\n\nSome **words**.\n```\n")
    assert shown(section) == "Plan\nSome words."
    assert preformatted(page("```md\n# Plan\n```\n\nAnd more.")) == ["# Plan"]
    assert preformatted(page("```markdown\n~~~\nx\n~~~\n```")) == ["~~~\nx\n~~~"]


JSON = '{"b": 1.0, "a": "\\u00e9 *x* <!here> \\/", "list": [], "n": [1e5, {"k": null}], "b": 2}'


def test_json_is_code_in_the_order_and_with_the_escapes_of_the_source() -> None:
    assert preformatted(page(JSON)) == [
        "{\n"
        '  "b": 1.0,\n'
        '  "a": "\\u00e9 *x* <!here> \\/",\n'
        '  "list": [],\n'
        '  "n": [\n    1e5,\n    {\n      "k": null\n    }\n  ],\n'
        '  "b": 2\n'
        "}"
    ]


def test_json_over_several_lines_stays_as_it_is() -> None:
    written = '[\n\t{"a":1},\n\t[ 2 ]\n]'
    assert preformatted(page(written)) == [written]


@pytest.mark.parametrize(
    "written", ['"text"', "12", "true", "[link] text", "{not json}", "[" * 5000]
)
def test_other_text_is_not_taken_for_json(written: str) -> None:
    assert not preformatted(sent(pages(written))[0])


def table(rows: int, *, width: int = 3) -> str:
    body = "\n".join(f"| {row} | {'wide ' * width}{row} |" for row in range(rows))
    return f"| n | words |\n|--:|:--|\n{body}"


def test_the_only_table_of_a_message_is_a_table_block() -> None:
    before, block, after = page(f"Before\n\n{table(3)}\n\nAfter")
    assert (shown(before), shown(after)) == ("Before", "After")
    assert block["type"] == "table"
    assert [shown(cell) for cell in block["rows"][1]] == ["0", "wide wide wide 0"]
    assert [column["align"] for column in block["column_settings"]] == ["right", "left"]


def test_several_tables_are_aligned_text() -> None:
    blocks = page(f"{table(1, width=1)}\n\nand\n\n| 日本 | b |\n|---|---|\n| c | **d** |")
    assert preformatted(blocks) == [
        "n | words\n--|-------\n0 | wide 0",
        "日本 | b\n-----|--\nc    | d",
    ]


def test_of_several_tables_one_that_is_wide_is_the_block_and_others_are_lists() -> None:
    blocks = page(f"{table(2, width=20)}\n\nand\n\n{table(2, width=30)}")
    assert [block["type"] for block in blocks] == ["table", "rich_text"]
    section, items = blocks[1]["elements"]
    assert shown(section) == "and\n\nn | words"
    assert shown(items).splitlines()[0].startswith("0 | wide wide")


def test_a_modal_has_no_table_block() -> None:
    assert [block["type"] for block in page(table(3), MODAL)] == ["rich_text"]


@pytest.mark.parametrize(
    "markdown", [table(101), "|" + "a|" * 21 + "\n|" + "-|" * 21, table(60, width=60)]
)
def test_a_table_that_is_too_large_for_a_block_is_text(markdown: str) -> None:
    as_sent = sent(pages(markdown))
    assert all(block["type"] != "table" for blocks in as_sent for block in blocks)
    assert "".join(map(shown, as_sent)).count("wide") == markdown.count("wide")


def test_pages_are_split_between_units_and_headings_stay_with_their_text() -> None:
    paragraph = "Some words in a paragraph. " * 6
    markdown = "\n\n".join(f"## Part {part}\n\n{paragraph}" for part in range(6))
    as_sent = [shown(page) for page in sent(pages(markdown, SMALL))]
    assert len(as_sent) == 6
    assert all(read.startswith("Part") and read.endswith("paragraph.") for read in as_sent)


def test_a_long_paragraph_is_split_between_sentences() -> None:
    as_sent = [shown(page) for page in sent(pages("Twelve words make a sentence. " * 40, SMALL))]
    assert all(read.strip().endswith("sentence.") for read in as_sent)


def test_long_code_is_split_between_lines_and_is_code_on_every_page() -> None:
    code = "\n".join(f"line({number})" for number in range(100))
    split = [preformatted(page) for page in sent(pages(f"```\n{code}\n```", SMALL))]
    assert all(len(blocks) == 1 for blocks in split)
    assert "\n".join(block for (block,) in split) == code


def test_a_long_list_goes_on_with_its_numbers() -> None:
    markdown = "\n".join(f"{number}. {'words ' * 8}" for number in range(1, 30))
    as_sent = sent(pages(markdown, SMALL))
    numbers = [page[0]["elements"][0].get("offset", 0) for page in as_sent]
    assert len(numbers) > 3
    assert numbers == sorted(set(numbers))


def test_no_page_begins_or_ends_inside_an_emoji() -> None:
    family = "\N{WOMAN}\u200d\N{WOMAN}\u200d\N{GIRL}"
    as_sent = sent(pages(family * 200, SMALL))
    assert len(as_sent) > 1
    assert all(shown(page).count(family) * len(family) == len(shown(page)) for page in as_sent)


@pytest.mark.parametrize("room", [MESSAGE, MODAL])
@pytest.mark.parametrize(
    "text", ["日本語の文章です。", "مرحبا بالعالم. ", "Straße über 3 €. ", "😀"]
)
def test_pages_keep_to_characters_and_bytes(text: str, room: Room) -> None:
    split = pages(text * (60_000 // len(text)), room)
    assert all(limits.fits(page, room) for page in split)
    for page in sent(split):
        check_page(page, modal=room is MODAL)


def test_an_address_that_fits_no_page_is_text() -> None:
    address = "https://a.example/" + "x" * 900
    as_sent = sent(pages(f"[label]({address})", SMALL))
    assert not any(links(page) for page in as_sent)
    assert without_marks("".join(map(shown, as_sent))) == without_marks(f"label ({address})")


@pytest.mark.parametrize(
    "deep",
    [
        ">" * 1000 + " end",
        "> " * 1000 + "end",
        "- " * 1000 + "end",
        "1. " * 1000 + "end",
        "\n".join(" " * 2 * level + f"- level {level}" for level in range(300)),
        "**" * 1000 + "end" + "**" * 1000,
        "[" * 1000 + "end" + "](https://a.example)" * 1000,
        "[" * 100_000 + '"end"',
    ],
)
def test_deep_nesting_loses_nothing(deep: str) -> None:
    as_sent = sent(pages(deep))
    for blocks in as_sent:
        check_page(blocks)
    read = "".join(map(shown, as_sent))
    assert "end" in read or "level 299" in read


@pytest.mark.parametrize(
    "piece",
    [
        "Some **bold** words and a [link](https://a.example/x) here.\n\n",
        "[",
        "![",
        "](",
        "*",
        "**a_ ",
        "`",
        "<",
        "<!--",
        ">",
        "&",
        "\\",
        "|",
        "https://a.example/)",
        "e\u0301",
        "日本語です。",
        "```\nx\n",
    ],
)
def test_hostile_texts_take_little_time(piece: str) -> None:
    """40 kB, and five times more takes five times longer."""
    before = time.process_time()
    pages((piece * 40_000)[:40_000])
    assert time.process_time() - before < 2
