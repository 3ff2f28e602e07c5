"""The README of the practice workspace lists what the code offers, no more and no less."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from practice import server
from practice.control_api import Control
from practice.faults.plan import Kind
from practice.limits import blocks, elements
from practice.practice import Practice
from practice.web_api.endpoint import METHODS

README = Path(server.__file__).with_name("README.md").read_text(encoding="utf-8")


def names_in(section: str, *, column: int | None = 0) -> set[str]:
    """The names in backticks in the tables of a section, in one column or in all."""
    text = re.split(r"^##+ ", README.split(f"\n### {section}\n")[1], flags=re.MULTILINE)[0]
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    cells = [cell for row in rows for cell in (row if column is None else [row[column]])]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_it_lists_every_web_api_method() -> None:
    assert names_in("Web API") == set(METHODS)


def test_it_lists_every_block_and_element() -> None:
    known = {**blocks.IN_MESSAGE, **elements.IN_ACTIONS, **elements.IN_SECTION, **elements.INPUTS}
    assert names_in("Blocks and inputs", column=None) == set(known)


def test_it_lists_every_fault() -> None:
    assert names_in("Faults") == set(get_args(Kind))


def test_it_lists_every_control_action() -> None:
    assert names_in("Control API") == Control(Practice()).actions
