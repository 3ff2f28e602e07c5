"""`python -m bot`: the same as the command `countersign`."""

import os
import sys
from pathlib import Path


def _search_here_last() -> None:
    """Move the working directory, which `-m` puts first, to the end of the search path.

    A project in it may have a module named `storage`, which must not replace ours.
    """
    root = str(Path(__file__).resolve().parents[1])
    if sys.path[0] in ("", os.getcwd()) and os.getcwd() != root:
        sys.path.append(sys.path.pop(0))


if __name__ == "__main__":
    _search_here_last()
    from countersign_command import run

    sys.exit(run())
