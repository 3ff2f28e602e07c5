"""A folder with a crew of two steps, and the bot's processes in it."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tests.support.prefork_server import PreforkServer
from tests.support.processes import BotProcess

CREWS = """
crews:
  note:
    description: A note in two steps
    command: [python, note.py]
    phases: [{name: write}, {name: send}]
    approvers: ["@channel"]
    checkpoints: [{name: look, after: write, description: Read it}]
"""

# The program waits for as long as there is a file `hold` beside it.
NOTE = """
import json, os, sys, time
inputs = json.load(sys.stdin)
while os.path.exists("hold"):
    time.sleep(0.02)
text = inputs["phase"] + " done for " + inputs["message"]
print(json.dumps({"status": "complete", "output": text, "task_outputs": []}))
"""


def with_notes(folder: Path) -> Path:
    """Write the crew into the folder."""
    (folder / "crews.yml").write_text(CREWS)
    (folder / "note.py").write_text(NOTE)
    return folder


@pytest.fixture
def note_folder(tmp_path: Path) -> Path:
    return with_notes(tmp_path)


def bot_in(
    folder: Path, *, workers: int, prefork_server: PreforkServer | None = None, **env: str
) -> BotProcess:
    """A bot in the folder, not started yet. Forked from the launchpad, if there is one."""
    return BotProcess(
        folder,
        workers=workers,
        crews_file=folder / "crews.yml",
        prefork_server=prefork_server,
        env=env,
    )


def runs_note(process: BotProcess) -> bool:
    """Whether the crew's program is running."""
    return any("note.py" in " ".join(_command(child)) for child in process.family())


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.NoSuchProcess:
        return []
