"""The arguments of the commands on stored data: `audit verify`, `export` and `erase`."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Final

_ANCHOR: Final = re.compile(r"(\d{1,18}):([0-9a-fA-F]{64})")

Command = Callable[[str, str, str], argparse.ArgumentParser]


def add_data_commands(command: Command) -> None:
    _add_audit(command)
    export = command(
        "export",
        "print one execution, or all, as JSON",
        "With its phases, outputs, checkpoints, decisions and audit rows. All of them are an array "
        "with one execution a line.",
    )
    export.add_argument(
        "execution", nargs="?", metavar="EXECUTION", help="the execution's id (default: all)"
    )


def _add_audit(command: Command) -> None:
    audit = command(
        "audit",
        "verify the audit log",
        "`countersign audit verify` reads it all and finds rows that were changed, removed, moved "
        "or inserted. Nothing is written, and the bot may run meanwhile.",
    )
    actions = audit.add_subparsers(dest="action", required=True, metavar="ACTION")
    verify = actions.add_parser(
        "verify",
        help="find rows that were changed, removed, moved or inserted",
        description="Verify the audit log. The exit code is 0 if it is intact, and 1 if not.",
    )
    verify.add_argument(
        "--anchor",
        type=_anchor,
        metavar="LENGTH:HASH",
        help="what an earlier `audit verify` printed: also find a log that was replaced since",
    )
    verify.add_argument("--json", action="store_true", help="print the result as JSON")


def _anchor(text: str) -> tuple[int, str]:
    match = _ANCHOR.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of rows and a hash, such as 1234:9f86d0…"
        )
    return int(match[1]), match[2].lower()
