"""For pytest: which tests began and which failed, a line each, in the file that SEEDED_TELL names.

A line is written at once, so that it stands there also when a test takes the whole process along.
"""

from __future__ import annotations

import os
from typing import Final

import pytest

TELL: Final = "SEEDED_TELL"
BEGAN: Final = "began"
ENDED: Final = "ended"
FAILED: Final = "failed"
UNREADABLE: Final = "unreadable"


class Telling:
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        _say(BEGAN, nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        _say(ENDED, nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            _say(FAILED, report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            _say(UNREADABLE, report.nodeid)


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # of several processes the first one tells
        config.pluginmanager.register(Telling(), "telling")


def _say(what: str, nodeid: str) -> None:
    with open(os.environ[TELL], "a", encoding="utf-8") as told:
        told.write(f"{what} {nodeid}\n")
