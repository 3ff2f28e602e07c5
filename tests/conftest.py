"""The order of the tests. Browser tests are left out, and it is said, where there is no browser."""

from __future__ import annotations

import os
from typing import Final

import pytest

from tests.support.browser import browser_path

LEFT_OUT = pytest.StashKey[int]()
LONGEST: Final = ("e2e", "chaos", "storm", "bot", "runner")
"""The folders whose files take long. They go first, so that no process is left with one at the
end while the others have nothing to do."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: tests wait for other processes much of the time."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=_place)
    if browser_path() is not None:
        return
    kept = [item for item in items if item.get_closest_marker("browser") is None]
    config.stash[LEFT_OUT] = len(items) - len(kept)
    items[:] = kept


def _place(item: pytest.Item) -> int:
    folder = item.path.relative_to(item.config.rootpath / "tests").parts[0]
    return LONGEST.index(folder) if folder in LONGEST else len(LONGEST)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if left_out := config.stash.get(LEFT_OUT, 0):
        terminalreporter.write_line(
            f"{left_out} browser tests left out: no chromium found (apt-get install chromium)"
        )
