"""`python -m tests.slack.markdown.fuzz --count 20000 --seed 1`: random texts, page by page."""

from __future__ import annotations

import argparse
import re
import sys

from bot.slack.render import limits
from bot.slack.render.limits import Room
from bot.slack.render.markdown.gist import gist
from bot.slack.render.markdown.pages import MESSAGE, MODAL, pages
from bot.slack.render.text import length
from tests.slack.markdown.grammar import Markdown
from tests.slack.markdown.shown import check_page, said, sent, shown, without_marks

ROOMS = (MESSAGE, MODAL, Room(blocks=10, characters=700, bytes=1000, tables=1))


def check(seed: int) -> None:
    """Check one random text in one of the rooms."""
    source = Markdown(seed)
    markdown = source.text()
    room = ROOMS[seed % len(ROOMS)]
    split = pages(markdown, room)
    assert all(limits.fits(page, room) for page in split), "a page is too large"
    as_sent = sent(split)
    for page in as_sent:
        check_page(page, modal=room is MODAL)
    read = "".join(shown(page) for page in as_sent)
    assert re.findall(r"w\d+w", read.replace("\n", "")) == source.words, "words lost or moved"
    assert without_marks(read) == without_marks(said(markdown)), "not what the source says"
    assert length(gist(markdown, 300).opening) <= 300


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    failures = 0
    for seed in range(arguments.seed, arguments.seed + arguments.count):
        try:
            check(seed)
        except Exception as error:  # noqa: BLE001 (reported, with the seed that repeats it)
            failures += 1
            sys.stdout.write(f"seed {seed}: {type(error).__name__}: {str(error)[:300]}\n")
        if failures >= 10:
            break
    sys.stdout.write(f"{arguments.count} texts from seed {arguments.seed}: {failures} failed\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
