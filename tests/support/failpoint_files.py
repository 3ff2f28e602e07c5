"""Files in a bot's folder through which a test arms a failpoint and reads which were passed."""

from __future__ import annotations

from typing import Final

PASSED: Final = "passed"
"""The failpoints passed so far, one per line, each after the id of its thread."""

ARMED: Final = "armed"
"""The name of the failpoint at which to die. A test may write it at any time."""

KILLED: Final = "killed"
"""The bot renames `armed` to this when it dies."""
