"""The bot in a practice workspace: the real front, the real StateManager on a SQLite file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slack.stage import Stage
from tests.support.workspace import Workspace


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One bot for all tests of a module. Tests use `stage`, which is tidied before each."""
    database = tmp_path_factory.mktemp("stage") / "c.db"
    with Workspace() as workspace, Stage(workspace, database) as ready:
        yield ready


@pytest.fixture
def stage(shared: Stage) -> Stage:
    """A connected bot without open runs, forms or ephemeral messages."""
    shared.tidy()
    return shared


@pytest.fixture
def workspace(stage: Stage) -> Workspace:
    return stage.workspace


@pytest.fixture
def own_workspace() -> Iterator[Workspace]:
    """A workspace for one test, which may break it."""
    with Workspace() as opened:
        yield opened


@pytest.fixture
def own_stage(own_workspace: Workspace, tmp_path: Path) -> Iterator[Stage]:
    """A bot for one test, which may break it."""
    with Stage(own_workspace, tmp_path / "c.db") as ready:
        yield ready
