"""The first changes of a revision fit where a card shows them."""

from __future__ import annotations

import pytest

from bot.slack.render import changes

BEFORE = "".join(f"Post {n} is about bikes, and costs {n} euros.\n" for n in range(40))
AFTER = BEFORE.replace("bikes", "long rides").replace("costs", "is worth")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("limit", range(300))
def test_an_excerpt_ends_whatever_room_there_is(limit: int) -> None:
    shown = [piece.text for piece in changes.excerpt(BEFORE, AFTER, limit)]

    assert sum(map(len, shown)) <= limit
    assert all(shown)


def test_what_is_left_out_between_two_changes_has_one_ellipsis() -> None:
    added = "many new words at the beginning of the text which nobody reads to their end"
    same = "Then follows a long sentence that both revisions of the text have in common. "
    shown = changes.excerpt(f"One. {same}Two.", f"One. {added} {same}Three.", 136)

    whole = "".join(piece.text for piece in shown)
    assert "……" not in whole
    assert "Three" in whole
