"""What Slack counts: the numbers in slack_limits, and the sizes of blocks."""

from __future__ import annotations

from slack_sdk.models.blocks import (
    ActionsBlock,
    ButtonElement,
    HeaderBlock,
    RichTextBlock,
    RichTextElementParts,
    RichTextSectionElement,
)

from bot.slack.render import limits
from bot.slack.render.limits import LIMITS, MESSAGE_LIMITS, Size
from bot.slack.render.markdown.pages import MESSAGE, MODAL
from bot.slack.render.message import context, section
from practice import limits as practice_limits


def rich(*parts: RichTextElementParts.Text | RichTextElementParts.Link) -> RichTextBlock:
    return RichTextBlock(elements=[RichTextSectionElement(elements=list(parts))])


def test_text_counts_in_utf_16_units_and_in_utf_8_bytes() -> None:
    assert limits.measure([section("abc"), context("é", "😀")]) == Size(2, 6, 9)


def test_addresses_of_links_count_and_labels_of_buttons_do_not() -> None:
    link = RichTextElementParts.Link(url="https://a.example", text="here")
    button = ButtonElement(text="Continue", action_id="go", value="x" * 100)
    blocks = [rich(link), ActionsBlock(elements=[button])]
    assert limits.measure(blocks) == Size(2, 21, 21)


def test_a_message_that_fits_is_one_that_practice_takes() -> None:
    for length, fitting in ((9_990, True), (10_000, True), (10_001, False)):
        blocks = [rich(RichTextElementParts.Text(text="x" * length))]
        refused = practice_limits.check_message("", [block.to_dict() for block in blocks])
        assert limits.fits(blocks) is fitting
        assert not (fitting and refused)
    headers = [HeaderBlock(text="x")] * 51
    assert not limits.fits(headers)
    assert limits.fits(headers[:50])


def test_rooms_leave_space_for_what_stands_around_the_text() -> None:
    assert MESSAGE.blocks < MESSAGE_LIMITS.blocks
    assert MESSAGE.characters < MESSAGE_LIMITS.characters
    assert MESSAGE.bytes < MESSAGE_LIMITS.bytes
    assert MODAL.blocks < LIMITS["view"]["blocks"]
    assert MODAL.tables == 0


def test_every_limit_is_a_positive_number_or_none_at_all() -> None:
    assert all(number >= 0 for section in LIMITS.values() for number in section.values())
