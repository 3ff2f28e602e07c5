"""The command `countersign`.

PYTHONPATH is for crews. A project on it may have packages named `bot` or `storage`, so this module,
whose name nothing else uses, drops its entries before the bot is imported. Crews' processes still
get the variable.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path


def ignore_python_path() -> None:
    """Drop PYTHONPATH's entries from this process's search path, except where we are installed."""
    ours = {str(Path(__file__).resolve().parent), *sysconfig.get_paths().values()}
    entries = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    dropped = {os.path.realpath(entry) for entry in entries if entry} - ours
    sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry) not in dropped]


def run() -> int:
    ignore_python_path()
    from bot import cli

    return cli.run()
