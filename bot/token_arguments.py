"""The arguments of `countersign tokens`."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from crew_runner.config.durations import EXPECTED, parse_duration
from storage.tokens import Scope

_PERSON: Final = re.compile(r"[UW][A-Z0-9]{2,}")
_LABEL_LENGTH: Final = 100


def add_tokens(command: Callable[[str, str, str], argparse.ArgumentParser]) -> None:
    tokens = command(
        "tokens",
        "make, list and revoke the tokens that let clients call the API",
        "As soon as one was made, every request needs one. docs/security.md describes the scopes.",
    )
    actions = tokens.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, summary: str) -> argparse.ArgumentParser:
        return actions.add_parser(name, help=summary, description=f"{summary.capitalize()}.")

    create = action("create", "make a token and print it on the last line")
    create.add_argument(
        "--scopes",
        type=_scopes,
        required=True,
        metavar="A,B",
        help=f"what it may do, of: {_names()}; admin includes the others",
    )
    create.add_argument(
        "--as",
        dest="person",
        type=_person,
        metavar="U…",
        help="the id of a Slack user for whom it acts, with this person's rights alone",
    )
    create.add_argument(
        "--expires",
        type=_duration,
        metavar="T",
        help="how long it is valid, such as 12h or 30d (default: until it is revoked)",
    )
    create.add_argument(
        "--label", type=_label, default="", metavar="TEXT", help="what it is for, in your words"
    )
    show = action("list", "list the tokens: their prefixes, what they may do and their last use")
    show.add_argument("--json", action="store_true", help="print them as JSON")
    revoke = action("revoke", "revoke a token at once")
    revoke.add_argument(
        "prefix", metavar="PREFIX", help="the beginning of the token, as `tokens list` shows it"
    )


def _scopes(text: str) -> frozenset[Scope]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in list(Scope)]
    if unknown:
        raise argparse.ArgumentTypeError(f"no scope {unknown[0]!r} (there are: {_names()})")
    if not names:
        raise argparse.ArgumentTypeError(f"at least one scope is needed, of: {_names()}")
    return frozenset(map(Scope, names))


def _names() -> str:
    return ", ".join(scope.value for scope in Scope)


def _person(text: str) -> str:
    if not _PERSON.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not the id of a Slack user, such as U0123456789"
        )
    return text


def _duration(text: str) -> timedelta:
    duration = parse_duration(text)
    if duration is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not {EXPECTED}")
    return duration


def _label(text: str) -> str:
    if len(text) > _LABEL_LENGTH or not text.isprintable():
        raise argparse.ArgumentTypeError(
            f"a label is one line of at most {_LABEL_LENGTH} characters"
        )
    return text
