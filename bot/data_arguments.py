"""The arguments of the commands on stored data: `audit verify`, `export` and `erase`."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Final

_PERSON: Final = re.compile(r"[A-Za-z0-9._:@-]{1,64}")
_ANCHOR: Final = re.compile(r"(\d{1,18}):([0-9a-fA-F]{64})")

Command = Callable[[str, str, str], argparse.ArgumentParser]


def add_data_commands(command: Command) -> None:
    _add_audit(command)
    _add_erase(command)
    export = command(
        "export",
        "print one execution, or all, as JSON",
        "With its phases, outputs, checkpoints, decisions and audit rows. All of them are an array "
        "with one execution a line.",
    )
    export.add_argument(
        "execution", nargs="?", metavar="EXECUTION", help="the execution's id (default: all)"
    )


def _add_erase(command: Command) -> None:
    erase = command(
        "erase",
        "erase what one person wrote, and that it was they",
        "Their requests, feedback, edits, lessons and names, and their tokens. Without --yes it "
        "only says what it would erase. What has not ended is left, and named.",
    )
    erase.add_argument(
        "person", type=_person, metavar="PERSON", help="the person's id in Slack, such as U0123ABCD"
    )
    erase.add_argument("--yes", action="store_true", help="erase; it cannot be undone")


def _person(text: str) -> str:
    if _PERSON.fullmatch(text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not an id, such as U0123ABCD")
    return text


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
