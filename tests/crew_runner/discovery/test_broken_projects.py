"""No broken or incomplete project gets a ✓: each gets a sentence before anybody starts it."""

from __future__ import annotations

import json
import os
import venv
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from bot.crews import check
from bot.settings import VARIABLES, load_settings
from tests.crew_runner.discovery.broken_projects import BROKEN
from tests.support.prefork_server import PreforkServer
from tests.support.preforked_fork_server import from_prefork_server
from tests.support.projects import write


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All projects side by side, and a crews.yml that names them."""
    folder = tmp_path_factory.mktemp("projects")
    crews = {}
    for name, broken in BROKEN.items():
        if broken.files is not None:
            (folder / name).mkdir()
            write(folder / name, broken.files)
        if broken.has_empty_environment:
            venv.create(folder / name / ".venv", symlinks=True)
        entry = {"project": name, "approvers": ["@requester"], **broken.entry}
        crews[name] = {key: value for key, value in entry.items() if value is not None}
    (folder / "crews.yml").write_text(yaml.safe_dump({"crews": crews}))
    return folder


@pytest.fixture(scope="module")
def findings(folder: Path, crewai_prefork_server: PreforkServer) -> Iterator[Mapping[str, str]]:
    """What `check` found, and its mark, by the name of the crew."""
    with pytest.MonkeyPatch.context() as patched:
        for name in os.environ:
            if name in VARIABLES or name.startswith("COUNTERSIGN_"):
                patched.delenv(name)
        patched.chdir(folder)
        patched.setenv("OPENAI_API_KEY", "sk-of-the-bot")  # no model is asked
        printed: list[str] = []
        patched.setattr(check, "print", printed.append, raising=False)
        with from_prefork_server(crewai_prefork_server):
            code = check.run(load_settings(), name=None, as_json=True)
        assert code == 1
        yield {
            each["about"].removeprefix("Crew "): f"{each['mark']}: {each['found']}"
            for each in json.loads(printed[0])["findings"]
        }


@pytest.mark.parametrize("name", list(BROKEN))
def test_a_broken_project_gets_its_sentence(
    name: str, folder: Path, findings: Mapping[str, str]
) -> None:
    assert findings[name].startswith("failed: ")
    assert BROKEN[name].sentence.format(folder=folder / name) in findings[name]
