"""`countersign check` examines the crews of crews.yml and writes nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from bot.crews import check
from bot.settings import VARIABLES, load_settings
from tests.support.prefork_server import PreforkServer
from tests.support.preforked_fork_server import from_prefork_server
from tests.support.projects import FLOW_PY, MODULE_PY, classic, write

CREWS = """
crews:
  launch:
    project: launch
    approvers: ["@channel"]
    checkpoints: [{name: look, after: research}]
  plain: {project: plain, approvers: ["@channel"]}
  lost: {project: nowhere, approvers: ["@channel"]}
"""

ASK_FLOW = FLOW_PY.replace('return "plan"', 'return self.ask("What about?")')


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with three crews in crews.yml."""
    for name in os.environ:
        if name in VARIABLES or name.startswith("COUNTERSIGN_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    classic(tmp_path / "launch")
    write(tmp_path, {"plain/main.py": MODULE_PY, "crews.yml": CREWS})
    return tmp_path


@pytest.fixture(autouse=True)
def fork_servers(crewai_prefork_server: PreforkServer) -> Iterator[None]:
    with from_prefork_server(crewai_prefork_server):
        yield


Checked = Callable[..., tuple[int, str]]


@pytest.fixture
def checked(capsys: pytest.CaptureFixture[str]) -> Checked:
    """Runs `check` and returns the exit code and what was printed."""

    def run(name: str | None = None, *, as_json: bool = False) -> tuple[int, str]:
        code = check.run(load_settings(), name=name, as_json=as_json)
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


def test_each_crew_has_its_finding_and_details(folder: Path, checked: Checked) -> None:
    before = (folder / "crews.yml").read_bytes()

    code, printed = checked()

    assert code == 1
    assert "✓ Crew launch: can be built; phases: research, report\n" in printed
    assert "    asks     @channel after research\n" in printed
    assert f"    runs in  {folder / 'launch'}, Countersign's own environment" in printed
    assert "! Crew plain: can be built; phases: report; it asks nobody: add a checkpoint" in printed
    assert f"✗ Crew lost: The project's folder {folder / 'nowhere'} does not exist." in printed
    assert (folder / "crews.yml").read_bytes() == before
    assert not (folder / "countersign.db").exists()


def test_one_crew_can_be_checked(checked: Checked) -> None:
    code, printed = checked("launch")

    assert code == 0
    assert "plain" not in printed


def test_an_unknown_name_says_what_there_is(checked: Checked) -> None:
    assert checked("lunch") == (
        2,
        "crews.yml has no crew 'lunch'. Did you mean 'launch'? It has: launch, plain, lost.\n",
    )


def test_json_has_the_findings_and_the_details(checked: Checked) -> None:
    code, printed = checked(as_json=True)

    launch, plain, lost = json.loads(printed)["findings"]
    assert code == 1
    assert json.loads(printed)["ok"] is False
    assert [each["mark"] for each in (launch, plain, lost)] == ["good", "warning", "failed"]
    assert launch["crew"]["asks"] == [{"where": "after research", "approvers": ["@channel"]}]
    assert launch["crew"]["steps"] == ["research", "report"]
    assert lost["crew"] is None


def test_without_crews_yml_it_says_how_to_get_one(folder: Path, checked: Checked) -> None:
    (folder / "crews.yml").unlink()

    code, printed = checked()

    assert code == 1
    assert "crews.yml: the file does not exist" in printed
    assert "countersign init" in printed


def test_tools_and_questions_count_as_asking(folder: Path, checked: Checked) -> None:
    tool = MODULE_PY.replace(
        'backstory="You write.")', 'backstory="You write.", tools=[pay])'
    ).replace(
        "writer = ",
        '''from crewai.tools import tool


@tool("pay")
def pay(amount: str) -> str:
    """Pays."""
    return amount


writer = ''',
    )
    write(folder, {"pay/main.py": tool, "asks/main.py": ASK_FLOW})
    (folder / "crews.yml").write_text(
        "crews:\n"
        "  pay: {project: pay, approve_tools: [pay], approvers: ['@channel']}\n"
        "  asks: {project: asks, approvers: ['@requester']}\n"
    )

    code, printed = checked()

    assert code == 0, printed
    assert "✓ Crew pay: can be built" in printed
    assert "    asks     @channel before each call of pay\n" in printed
    assert "✓ Crew asks: can be built" in printed
    assert "    asks     @requester whenever it asks a question\n" in printed


def test_a_key_that_a_tool_lacks_is_a_warning(
    folder: Path, checked: Checked, monkeypatch: pytest.MonkeyPatch
) -> None:
    searching = MODULE_PY.replace('"You write.")', '"You write.", tools=[Search()])').replace(
        "writer = ",
        dedent("""
        from crewai.tools import BaseTool, EnvVar


        class Search(BaseTool):
            name: str = "search"
            description: str = "Searches."
            env_vars: list[EnvVar] = [EnvVar(name="SEARCH_KEY", description="Its key")]

            def _run(self, words: str) -> str:
                return words


        writer = """),
        1,
    )
    write(folder, {"search/main.py": searching})
    (folder / "crews.yml").write_text(
        "crews:\n  search: {project: search, approvers: ['@channel'], "
        "checkpoints: [{name: look, after: report}]}\n"
    )
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-bot")

    code, printed = checked()

    assert code == 0, printed
    assert "! Crew search: can be built; phases: report; not set: SEARCH_KEY\n" in printed
    assert "    tools    search\n" in printed
