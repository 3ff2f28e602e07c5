"""The README of the practice workspace lists what the code offers, and its example works."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast, get_args

import pytest
from slack_bolt import App

from practice import server
from practice.control_api import ControlApi
from practice.faults.plan import Kind
from practice.limits import blocks, elements
from practice.practice import Practice
from practice.web_api.endpoint import METHODS
from tests.support import bolt
from tests.support.workspace import ANA, BEN, BOT, Workspace

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
    known = {
        **blocks.IN_MESSAGE,
        **blocks.IN_VIEW,
        **elements.IN_ACTIONS,
        **elements.IN_SECTION,
        **elements.INPUTS,
    }
    assert names_in("Blocks and inputs", column=None) == set(known)


def test_it_lists_every_fault() -> None:
    assert names_in("Faults") == set(get_args(Kind))


def test_it_lists_every_control_action() -> None:
    assert names_in("Control API") == ControlApi(Practice()).actions


def code_in(language: str) -> str:
    """The first code block of a language."""
    return README.split(f"\n```{language}\n")[1].split("\n```\n")[0]


def test_its_example_app_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = tmp_path / "coffee.yml"
    manifest.write_text(code_in("yaml"))
    with Workspace(manifest=manifest) as workspace:
        for name, value in workspace.env().items():
            monkeypatch.setenv(name, value)
        namespace = {"__name__": "coffee"}
        exec(compile(code_in("python"), "README.md", "exec"), namespace)
        with bolt.connected(cast("App", namespace["app"]), workspace):
            workspace.command("/coffee flat white", by=ANA)
            order = workspace.wait_for(lambda: workspace.message_with("I will make it"))
            assert f"<@{ANA}> would like *flat white*" in order.everything
            workspace.click("I will make it", by=BEN)
            workspace.wait_for(
                lambda: workspace.again(order).text == f"<@{BEN}> is making it :coffee:"
            )
            question = workspace.say(f"<@{BOT}> hello", by=BEN)
            workspace.wait_for(lambda: len(workspace.thread(question)) == 2)
            assert workspace.thread(question)[1].text == "Type `/coffee` to order."
