"""Leaves the browser tests out, and says so, where there is no browser."""

from __future__ import annotations

import os
import shutil

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
LEFT_OUT = pytest.StashKey[int]()


def browser_path() -> str | None:
    """Debian's chromium, or what TEST_BROWSER names."""
    named = os.environ.get("TEST_BROWSER")
    return named or next(filter(None, map(shutil.which, BROWSERS)), None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if browser_path() is not None:
        return
    kept = [item for item in items if item.get_closest_marker("browser") is None]
    config.stash[LEFT_OUT] = len(items) - len(kept)
    items[:] = kept


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if left_out := config.stash.get(LEFT_OUT, 0):
        terminalreporter.write_line(
            f"{left_out} browser tests left out: no chromium found (apt-get install chromium)"
        )
