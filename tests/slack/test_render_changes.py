"""What changed between two revisions, word by word, in bounded time."""

from __future__ import annotations

import random
import time

import pytest

from bot.slack.render import changes
from bot.slack.render.difference import Kind, difference, tokens

BEFORE = "The plan is for fifty riders. It starts in May.\n\nThe second paragraph stays."
AFTER = "The plan is for sixty riders. It starts in June.\n\nThe second paragraph stays."


def test_a_difference_is_marked_in_plain_text() -> None:
    assert changes.as_text(BEFORE, AFTER) == (
        "The plan is for [-fifty -]{+sixty +}riders. It starts in [-May-]{+June+}.\n\n"
        "The second paragraph stays."
    )


def test_removed_words_are_struck_through_and_added_ones_bold() -> None:
    ((block,),) = changes.blocks(BEFORE, AFTER)
    elements = block.to_dict()["elements"][0]["elements"]
    styled = [(each["text"].strip(), each["style"]) for each in elements if "style" in each]
    assert styled == [
        ("fifty", {"strike": True}),
        ("sixty", {"bold": True}),
        ("May", {"strike": True}),
        ("June", {"bold": True}),
    ]


def test_changes_are_counted_in_words() -> None:
    assert changes.summary(BEFORE, AFTER) == "2 words added, 2 removed, in 2 places"
    assert changes.summary("one two three", "one three") == "1 word removed, in 1 place"
    assert changes.summary("Yes.", "Yes!") == "only punctuation and spaces, in 1 place"


def test_an_unchanged_text_is_said_to_be_unchanged() -> None:
    assert changes.summary(BEFORE, BEFORE) == "nothing: the text is the same as before"
    assert changes.blocks(BEFORE, BEFORE) == ()
    assert changes.excerpt(BEFORE, BEFORE, 100) == ()


@pytest.mark.parametrize(
    ("before", "after", "marked"),
    [
        ("五月に始まります。", "六月に始まります。", "[-五-]{+六+}月に始まります。"),
        ("تبدأ في مايو", "تبدأ في يونيو", "تبدأ في [-مايو-]{+يونيو+}"),
    ],
)
def test_scripts_without_spaces_and_from_the_right_are_compared(
    before: str, after: str, marked: str
) -> None:
    assert changes.as_text(before, after) == marked


def test_marks_and_joined_emoji_are_never_torn_from_their_letter() -> None:
    assert tokens("é👩\u200d🚀x") == ["é", "👩\u200d🚀", "x"]


def test_both_texts_are_kept_and_long_ones_take_bounded_time() -> None:
    chance = random.Random(7)
    words = [f"w{chance.randrange(3000)}" for _ in range(15_000)]
    edited = [chance.choice(("new", word)) if n % 50 == 0 else word for n, word in enumerate(words)]
    other = [f"w{chance.randrange(40)}" for _ in range(15_000)]
    one_line, characters = (
        " ".join(words),
        "".join(chr(0x4E00 + chance.randrange(800)) for _ in words),
    )
    for before, after in (
        (one_line, " ".join(edited)),
        (one_line, " ".join(other)),
        ("\n".join(words), "\n".join(other)),
        (characters, characters[::-1]),
    ):
        start = time.process_time()
        pieces = difference(before, after)
        assert time.process_time() - start < 5
        assert "".join(p.text for p in pieces if p.kind is not Kind.ADDED) == before
        assert "".join(p.text for p in pieces if p.kind is not Kind.REMOVED) == after


def test_a_whole_difference_of_a_long_text_comes_in_pages_that_fit() -> None:
    before, after = ("\n".join(f"{word} line {n}" for n in range(4000)) for word in ("old", "new"))
    for page in changes.blocks(before, after):
        assert len(page) <= 80
        assert sum(len(str(block.to_dict())) for block in page) < 250_000
