"""The files of docs/deploy, and assertions that hold for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from bot.arguments import parser
from bot.settings import VARIABLES
from tests.support.processes import ROOT

DEPLOY: Final = ROOT / "docs" / "deploy"

ROLES: Final = {
    "bot": ["serve", "--workers", "0", "--no-scheduler"],
    "worker": ["worker", "--workers", "4"],
    "scheduler": ["scheduler"],
}
"""The command line of each role, for an installation with several processes."""

LAST_WORDS: Final = 10.0
"""Seconds after the grace period by which a process has certainly ended."""


def assert_command(arguments: Sequence[str]) -> None:
    """Assert that the command line accepts the arguments; otherwise argparse ends the test."""
    assert parser().parse_args(arguments).command == arguments[0]


def assert_settings(environment: Mapping[str, object]) -> None:
    """Assert that each name is a setting and each value a string, as in an environment."""
    for name, value in environment.items():
        assert name in VARIABLES, f"{name} is not a setting"
        assert isinstance(value, str), f"{name} is {value!r}, not a string"


def assert_time_to_end(environment: Mapping[str, str], *, killed_after: float) -> None:
    assert float(environment["COUNTERSIGN_GRACE_SECONDS"]) + LAST_WORDS <= killed_after
