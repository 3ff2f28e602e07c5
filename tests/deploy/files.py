"""The files of docs/deploy, and what is true of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from bot.cli import _parser
from bot.settings import VARIABLES
from tests.support.processes import ROOT

DEPLOY: Final = ROOT / "docs" / "deploy"

ROLES: Final = {
    "bot": ["serve", "--workers", "0", "--no-scheduler"],
    "worker": ["worker", "--workers", "4"],
    "scheduler": ["scheduler"],
}
"""What the processes of an installation of several are started with."""

LAST_WORDS: Final = 10.0
"""Seconds after its grace in which a process has ended for certain."""


def assert_command(arguments: Sequence[str]) -> None:
    """The command line knows it; argparse ends the test otherwise."""
    assert _parser().parse_args(arguments).command == arguments[0]


def assert_settings(environment: Mapping[str, object]) -> None:
    """Each is a setting's name, and what stands there is a string, as it is in an environment."""
    for name, value in environment.items():
        assert name in VARIABLES, f"{name} is no setting"
        assert isinstance(value, str), f"{name} is {value!r}, not a string"


def assert_time_to_end(environment: Mapping[str, str], *, killed_after: float) -> None:
    assert float(environment["COUNTERSIGN_GRACE_SECONDS"]) + LAST_WORDS <= killed_after
