"""The failpoints that a run passes, from the first start of its bot to the file with its result.

The run: a draft is revised by a reply, revised again by the form, then approved; a check is
approved; the run completes. A point that is passed more than once has one name, and the bot dies
at its first pass. Tests compare this table with the points that a run passes, so a new commit or
call of the product has to be added here, and the bot then dies at it as well.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

Chain = tuple[str, ...]
"""Steps of one thread with nothing between them: after a step is before the next one."""

AT_FIRST_START: Final[tuple[Chain, ...]] = (("commit upgrade",), ("commit report_crew",))

_POSTING: Final = "commit take {0}", "commit sending {0}", "call chat.postMessage {0}"
_ARMING: Final = "commit posted {0}", "call chat.update {0} with buttons", "commit shown {0}"


def _posted(kind: str, steps: Chain) -> Chain:
    return tuple(step.format(kind) for step in steps)


CHAINS: Final[tuple[Chain, ...]] = (
    *AT_FIRST_START,
    ("commit start_execution",),
    ("ack command",),
    _posted("root", _POSTING + _ARMING),
    ("ack event_callback",),
    ("commit claim",),
    ("commit phase_done draft",),
    _posted("checkpoint", _POSTING + _ARMING),
    ("commit take output", "commit mark_unneeded output"),
    ("call chat.getPermalink", "commit store_permalink checkpoint"),
    ("commit reply",),
    ("commit intend_revise",),
    ("ack checkpoint_revise",),
    ("call views.open",),
    ("commit decide revise",),
    ("ack view_submission",),
    ("commit take checkpoint to update", "call chat.update checkpoint without buttons"),
    ("commit take_clicked", "call response_url"),
    ("commit decide continue",),
    ("ack checkpoint_continue",),
    ("commit heartbeat",),
    ("commit progress",),
    ("call assistant.threads.setStatus", "commit leave_for_later root"),
    ("commit phase_done check",),
    ("commit phase_done finish",),
    ("commit take root to update",),
    ("call chat.update root without buttons",),
    (*_posted("final", _POSTING), "commit posted final"),
    ("commit release",),
    (
        "commit take file",
        "commit sending file",
        "call files.getUploadURLExternal",
        "call upload",
        "call files.completeUploadExternal",
        "commit posted file",
    ),
)

SAME: Final = {
    f"after {first}": f"before {second}" for chain in CHAINS for first, second in pairwise(chain)
}
"""Points with two names: “after” a step is “before” the next one of its chain."""

POINTS: Final = tuple(
    point
    for chain in CHAINS
    for point in (*(f"before {step}" for step in chain), f"after {chain[-1]}")
)


RECOVERIES: Final[tuple[tuple[str, ...], ...]] = (
    (
        "after commit claim",
        "before commit release_leases",
        "after commit release_leases",
    ),
    (
        "before commit sending root",
        "before commit release_leases",
        "after commit release_leases",
    ),
    (
        "before commit posted checkpoint",  # found in Slack after this death …
        "before commit posted checkpoint",
        "after call chat.update checkpoint with buttons",
    ),
    (
        "before call chat.postMessage checkpoint",  # … and not found after this one
        "before call chat.postMessage checkpoint",
        "before commit posted checkpoint",
    ),
    ("before commit posted root", "before commit posted root"),
    ("before commit posted file", "before commit posted file", "after commit posted file"),
)
"""Sequences of deaths: each comes while the bot recovers from the one before."""


def at_first_start(point: str) -> bool:
    """Whether only a bot that creates its database passes this point."""
    return (point.partition(" ")[2],) in AT_FIRST_START


def takes_long(point: str) -> bool:
    """Whether only a long phase passes this point."""
    return point.endswith((" heartbeat", " progress", ".setStatus", " leave_for_later root"))
