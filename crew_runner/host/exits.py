"""Why a child exited that sent no result."""

from __future__ import annotations

import signal
from typing import Final

from storage.records import Failure

_LOG_HAS_OUTPUT: Final = "The bot's log has its last output."


def failure_without_result(code: int | None, output: bytes) -> Failure:
    """The failure for an exit code (negative for a signal) and the end of what it printed."""
    if code == -signal.SIGKILL:
        message = (
            "The crew's process was killed, perhaps because the machine ran out of memory. "
            "Check its memory, then try again."
        )
    elif code is not None and code < 0:
        message = f"The crew's process crashed (signal {-code}). {_LOG_HAS_OUTPUT}"
    else:
        message = f"The crew's process ended without a result. {_LOG_HAS_OUTPUT}"
    return Failure(message, detail=output.decode(errors="replace"))
