"""A hash of what a reviewer sees of an output, so that a decision names the text it is about."""

from __future__ import annotations

import hashlib
import json

from storage.records import PhaseOutput


def output_hash(output: PhaseOutput) -> str:
    """Return 32 hex digits. Outputs with the same texts, structures and files have the same."""
    shown = [
        output.output,
        [[task.task, task.output, task.structured] for task in output.tasks],
        [[file.path, file.size, file.kept, file.deleted] for file in output.files],
    ]
    return hashlib.sha256(json.dumps(shown).encode()).hexdigest()[:32]
