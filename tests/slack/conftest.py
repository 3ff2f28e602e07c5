"""The bot in a practice workspace: the real front, the real StateManager on a SQLite file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slack.stage import Stage
from tests.support.workspace import Workspace


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    with Workspace() as opened:
        yield opened


@pytest.fixture
def stage(workspace: Workspace, tmp_path: Path) -> Iterator[Stage]:
    """A bot that is connected, and a test that plays the worker."""
    with Stage(workspace, tmp_path / "c.db") as ready:
        yield ready
