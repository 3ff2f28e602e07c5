"""What the tests of the bot's processes share: a folder with one crew in two steps."""

from __future__ import annotations

from pathlib import Path

import pytest

CREWS = """
crews:
  note:
    description: A note in two steps
    command: [python, note.py]
    phases: [{name: write}, {name: send}]
    approvers: ["@channel"]
    checkpoints: [{name: look, after: write, description: Read it}]
"""

# As long as there is a file `hold` beside it, the program does not go on.
NOTE = """
import json, os, sys, time
inputs = json.load(sys.stdin)
while os.path.exists("hold"):
    time.sleep(0.02)
text = inputs["phase"] + " done for " + inputs["message"]
print(json.dumps({"status": "complete", "output": text, "task_outputs": []}))
"""


def with_notes(folder: Path) -> Path:
    """The folder, with the crew in it."""
    (folder / "crews.yml").write_text(CREWS)
    (folder / "note.py").write_text(NOTE)
    return folder


@pytest.fixture
def note_folder(tmp_path: Path) -> Path:
    return with_notes(tmp_path)
