"""The limit of what a phase may return."""

from __future__ import annotations

from crew_runner.child.messages import MAX_OUTPUT_BYTES
from storage.records import Failure, PhaseOutput


def within_limit(output: PhaseOutput, output_bytes: int | None) -> PhaseOutput | Failure:
    """The output, or a Failure if it is larger than its limit."""
    limit = output_bytes or MAX_OUTPUT_BYTES
    texts = [output.output, *(task.output for task in output.tasks)]
    size = sum(len(text.encode()) for text in texts[1:] or texts)
    if size <= limit:
        return output
    return Failure(
        f"The phase returned {size:,} bytes, more than its limit of {limit:,} "
        "(`output_bytes` in crews.yml).",
        retryable=False,
    )
