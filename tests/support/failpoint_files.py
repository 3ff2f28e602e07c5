"""The files of a bot's folder by which a test says where it dies, and learns what it passed."""

from __future__ import annotations

from typing import Final

PASSED: Final = "passed"
"""The points passed so far, one a line, after the number of the thread that passed it."""

ARMED: Final = "armed"
"""The name of the point at which to die; may appear at any time."""

KILLED: Final = "killed"
"""What `armed` is renamed to by a bot that dies."""
