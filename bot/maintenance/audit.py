"""`countersign audit verify`: says whether the audit log is as it was written."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Final

from bot.maintenance.existing import CannotOpen, existing_database, print_error, print_out
from bot.settings import Settings
from storage.db.audit_check import Anchor, Verified, verify

INTACT: Final = 0
NOT_INTACT: Final = 1

_PROGRESS_SECONDS: Final = 5.0


def run(settings: Settings, *, anchor: tuple[int, str] | None, as_json: bool) -> int:
    """Verify the log and print the result. Returns the exit code."""
    noted = None if anchor is None else Anchor(*anchor)
    try:
        with existing_database(settings) as engine:
            verified = verify(engine, anchor=noted, tell=_Progress())
    except CannotOpen as error:
        print_error(str(error))
        return NOT_INTACT
    if as_json:
        intact = {"intact": verified.problem is None}
        print_out(json.dumps(intact | asdict(verified), indent=2))
    else:
        print_out(in_words(verified))
    return INTACT if verified.problem is None else NOT_INTACT


def in_words(verified: Verified) -> str:
    if verified.problem is not None:
        return (
            f"The audit log is not intact. Seq {verified.problem.seq}: {verified.problem.text}.\n"
            f"{_rows(verified.length)} before it were verified. Rows behind it were not looked at."
        )
    lines = [f"The audit log is intact: {_rows(verified.length)} in the chain."]
    if verified.redacted:
        lines.append(
            f"The actor and the details of {_rows(verified.redacted)} were erased, as the log says."
        )
    if verified.uncovered:
        lines.append(f"{_rows(verified.uncovered)} from before the chain began cannot be verified.")
    if verified.length:
        anchor = f"{verified.length}:{verified.hash}"
        lines += [
            f"Length {verified.length}, last seq {verified.last_seq}, hash {verified.hash}",
            "Keep this where nobody who can change the database can change it. Later on, this",
            "command also finds a log that was replaced as a whole:",
            f"  countersign audit verify --anchor {anchor}",
        ]
    return "\n".join(lines)


def _rows(number: int) -> str:
    return "1 row" if number == 1 else f"{number:,} rows"


class _Progress:
    """Prints a line on stderr every few seconds."""

    def __init__(self) -> None:
        self._printed_at = time.monotonic()

    def __call__(self, seq: int, last: int) -> None:
        if time.monotonic() - self._printed_at > _PROGRESS_SECONDS:
            self._printed_at = time.monotonic()
            print_error(f"  verified up to seq {seq:,} of {last:,}")
