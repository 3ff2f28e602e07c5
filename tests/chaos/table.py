"""Every point that a run passes, from the first start of its bot to the file with its result.

The run: a draft that is revised, then approved; a check that is skipped; the end. A test compares
this table with what a run passes, so that a commit or a call that the product gets anew has to be
added here, and is then died at like the others.
"""

from __future__ import annotations

from typing import Final

_AT_FIRST_START = ("commit upgrade", "commit report_crew")

_COMMAND = (
    "commit start_execution",
    "ack command",
    "commit take root",
    "commit sending root",
    "call chat.postMessage root",
    "ack event_callback",
    "commit posted root",
    "call chat.update root with buttons",
    "commit shown root",
)


def _phase(name: str) -> tuple[str, ...]:
    """A phase, and its checkpoint until it can be decided."""
    return (
        f"commit claim {name}",
        f"commit phase_done {name}",
        f"commit take checkpoint {name}",
        f"commit sending checkpoint {name}",
        f"call chat.postMessage checkpoint {name}",
        f"commit posted checkpoint {name}",
        f"call chat.update checkpoint {name} with buttons",
        f"commit shown checkpoint {name}",
        f"commit take file {name}",
        f"commit unneeded file {name}",
    )


def _decision(name: str, *acts: str) -> tuple[str, ...]:
    """What people do at it, and what becomes of its message."""
    return (
        *acts,
        f"commit take checkpoint {name} to update",
        f"call chat.update checkpoint {name} without buttons",
    )


_RESULT = (
    "commit claim finish",
    "commit phase_done finish",
    "commit take root to update",
    "call chat.update root without buttons",
    "commit take final",
    "commit sending final",
    "call chat.postMessage final",
    "commit posted final",
    "commit release",
    "commit take file",
    "commit sending file",
    "call files.getUploadURLExternal",
    "call upload",
    "call files.completeUploadExternal",
    "commit posted file",
)

_STEPS = (
    *_AT_FIRST_START,
    *_COMMAND,
    *_phase("draft"),
    *_decision(
        "draft",
        "commit intend_revise",
        "ack checkpoint_revise",
        "call views.open",
        "commit decide revise",
        "ack view_submission",
    ),
    *_phase("draft again"),
    *_decision("draft again", "commit decide continue", "ack checkpoint_continue"),
    *("commit heartbeat", "commit progress"),
    *_phase("check"),
    *_decision("check", "commit decide skip", "ack checkpoint_skip"),
    *_RESULT,
)

POINTS: Final = tuple(f"{when} {step}" for step in _STEPS for when in ("before", "after"))


def at_first_start(point: str) -> bool:
    """Whether only a bot passes it that has a database of its own to make."""
    return point.partition(" ")[2] in _AT_FIRST_START


def takes_long(point: str) -> bool:
    """Whether only a phase that lasts passes it."""
    return point.endswith((" heartbeat", " progress"))
