"""`countersign erase`: erases what one person wrote, and says what it leaves."""

from __future__ import annotations

import time
from typing import Final

from bot.maintenance.existing import CannotOpen, existing_database, print_error, print_out
from bot.settings import Settings
from storage.db.database import SystemClock
from storage.erasure.erasure import Erasure, Traces

OK: Final = 0
FAILED: Final = 1

_PROGRESS_SECONDS: Final = 5.0
_NAMED: Final = 20
"""How many executions are named that were left."""

_LEFT: Final = """\
Not erased, as Countersign cannot know it or does not have it:
- what models wrote, also where it took up the person's words, and the files that crews wrote;
- what others wrote about the person;
- messages in Slack, and what crews and webhooks have sent elsewhere;
- the approvers that crews.yml names, and copies of them in executions;
- backups, exports and logs.
The keys of Slack's deliveries are deleted after two days by themselves."""


def run(settings: Settings, *, person: str, yes: bool) -> int:
    """Erase, or say what would be erased. Returns the exit code: 1 if something had to be left."""
    try:
        with existing_database(settings, writes=yes) as engine:
            erasure = Erasure(engine, clock=SystemClock(), person=person)
            traces = erasure.find()
            if yes and traces.any_erasable:
                erasure.erase(traces, tell=_Progress())
                traces_after = erasure.find()
            else:
                traces_after = traces
    except CannotOpen as error:
        print_error(str(error))
        return FAILED
    return _report(traces, traces_after, person=person, yes=yes)


def _report(before: Traces, after: Traces, *, person: str, yes: bool) -> int:
    if not before.any_erasable and not before.running:
        print_out(f"Nothing is stored of {person}.")
        return OK
    if before.any_erasable:
        print_out(f"{'Erased' if yes else 'To be erased'} of {person}: {_in_words(before)}.")
    if after.running:
        print_out(_running(after))
    if not yes:
        print_out("Nothing was changed. To erase it, add --yes; it cannot be undone.")
    print_out(_LEFT)
    return FAILED if yes and after.running else OK


def _in_words(traces: Traces) -> str:
    counts = (
        (len(traces.ended), "execution"),
        (len(traces.gone), "deleted execution"),
        (traces.lessons, "lesson"),
        (traces.tokens, "token"),
    )
    return ", ".join(f"{number:,} {name}{'s' * (number != 1)}" for number, name in counts if number)


def _running(traces: Traces) -> str:
    number = len(traces.running)
    have = "1 execution has" if number == 1 else f"{number:,} executions have"
    names = "\n".join(f"  {one}" for one in traces.running[:_NAMED])
    more = f"\n  and {number - _NAMED:,} more" if number > _NAMED else ""
    return (
        f"{have} not ended, and still {'needs' if number == 1 else 'need'} the words. Left as they "
        f"are; cancel them or let them end, and erase again:\n{names}{more}"
    )


class _Progress:
    """Prints a line on stderr every few seconds."""

    def __init__(self) -> None:
        self._printed_at = time.monotonic()

    def __call__(self, done: int, of: int) -> None:
        if time.monotonic() - self._printed_at > _PROGRESS_SECONDS:
            self._printed_at = time.monotonic()
            print_error(f"  {done:,} of {of:,} executions")
