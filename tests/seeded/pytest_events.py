"""A pytest plugin that logs which tests started and failed, to the file named by SEEDED_TELL.

Each line is written at once, so that it is not lost if a test kills the whole process.
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


class EventLog:
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        _log(BEGAN, nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        _log(ENDED, nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            _log(FAILED, report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            _log(UNREADABLE, report.nodeid)


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # only the main process of xdist logs
        config.pluginmanager.register(EventLog(), "event-log")


def _log(what: str, nodeid: str) -> None:
    with open(os.environ[TELL], "a", encoding="utf-8") as events:
        events.write(f"{what} {nodeid}\n")
