"""Renders each message of the outbox from the current state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from bot.slack.ids import short
from bot.slack.outbound.estimates import Estimates
from bot.slack.render import checkpoint as checkpoint_message
from bot.slack.render import files, final, outputs, root, text, usage
from bot.slack.render.message import Rendered
from bot.slack.render.position import count_rounds
from bot.slack.render.root import Progress
from storage import usage as sums
from storage.messages import OutboxKind, OutboxRow
from storage.reads import Reads
from storage.records import Checkpoint, CheckpointKind, Execution
from storage.states import ACTIVE


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of the thread. Its name is always the same, so that the file can be found again."""

    name: str
    title: str
    content: bytes


class Views:
    """Renders rows. Writes nothing."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._estimates = Estimates(reads)

    def message(self, row: OutboxRow) -> Rendered:
        """What the row's message should show now."""
        execution = self._reads.execution(row.execution_id)
        moved_note = _moved_note(row, execution)
        match row.kind:
            case OutboxKind.ROOT:
                return root.render(execution, self._progress(execution), moved_note=moved_note)
            case OutboxKind.CHECKPOINT:
                checkpoint = self._checkpoint(row)
                return checkpoint_message.render(
                    checkpoint,
                    execution,
                    gate_round=self._count_rounds(checkpoint),
                    used=usage.used_until(checkpoint, self._reads.phase_runs(execution.id)),
                    upcoming=self._upcoming(execution, usage.phase_after(checkpoint, execution)),
                    moved_note=moved_note,
                )
            case OutboxKind.REMINDER:
                which = str(row.payload.get("which"))
                reminded = self._checkpoint(row)
                return final.reminder(
                    reminded, execution, which=which, gate_round=self._count_rounds(reminded)
                )
            case OutboxKind.FINAL:
                runs = self._reads.phase_runs(execution.id)
                used = sums.total(run.usage for run in runs)
                return final.render(execution, used=used, moved_note=moved_note)
            case OutboxKind.NOTICE:
                checkpoint_id = row.payload.get("checkpoint")
                subject = (
                    self._reads.checkpoint(checkpoint_id)
                    if isinstance(checkpoint_id, str)
                    else None
                )
                return final.notice(execution, row.payload, subject, moved_note=moved_note)
            case OutboxKind.FILE | OutboxKind.OUTPUT | OutboxKind.WHOLE:
                raise ValueError("a file is not a message")
            case _:
                assert_never(row.kind)

    def _progress(self, execution: Execution) -> Progress:
        runs = self._reads.phase_runs(execution.id)
        checkpoints = self._reads.checkpoints(execution.id)
        following = usage.upcoming_phase(execution, runs, checkpoints)
        return Progress(runs, checkpoints, self._upcoming(execution, following))

    def _upcoming(self, execution: Execution, phase: str | None) -> usage.Upcoming | None:
        """What a phase usually uses; None if the run has ended or nothing is known."""
        if phase is None or execution.state not in ACTIVE:
            return None
        estimate = self._estimates.get(execution.crew, phase)
        return None if estimate is None else usage.Upcoming(phase, estimate)

    def _count_rounds(self, checkpoint: Checkpoint) -> int:
        if checkpoint.kind is not CheckpointKind.GATE:
            return 1
        return count_rounds(checkpoint, self._reads.checkpoints(checkpoint.execution_id))

    def upload(self, row: OutboxRow) -> Upload | None:
        """The file of a FILE row; None if there is nothing to upload.

        That is so if the message shows the whole text, or a revision has replaced the file.
        """
        if "path" in row.payload:
            return self._written_file(row)
        execution = self._reads.execution(row.execution_id)
        if row.checkpoint_id is None:
            content = final.result_text(execution)
            name = f"{execution.crew}-result-{short(execution.id)}.md"
            return _text(name, "The whole result", content) if content.strip() else None
        checkpoint = self._checkpoint(row)
        _, clipped = checkpoint_message.output_excerpt(checkpoint)
        if not clipped:
            return None
        phase = text.plain(checkpoint.phase, 60).replace(" ", "-").replace("/", "-")
        return _text(
            f"{execution.crew}-{phase}-{short(checkpoint.id)}.md",
            f"The whole text of {text.label(checkpoint.phase)}",
            outputs.full_text(checkpoint.output),
        )

    def _written_file(self, row: OutboxRow) -> Upload | None:
        """A file that a phase wrote."""
        path = str(row.payload["path"])
        content = self._reads.content_of(str(row.payload.get("run")), path)
        if not content:
            return None
        number = row.key.rpartition(":")[2]
        shown_with = row.checkpoint_id or row.execution_id
        name = files.upload_name(path, f"{short(shown_with)}-{number}")
        return Upload(name, text.plain(path, 120), content)

    def is_still_needed(self, row: OutboxRow) -> bool:
        """False for a reminder of a checkpoint that has since been decided."""
        if row.kind is not OutboxKind.REMINDER:
            return True
        return self._checkpoint(row).feedback is None

    def is_shown_by(self, row: OutboxRow, ts: str) -> bool:
        """Whether `ts` is the timestamp stored for what this row shows."""
        if row.kind is OutboxKind.CHECKPOINT:
            return self._checkpoint(row).message_ts == ts
        return row.kind is OutboxKind.ROOT and self.execution(row).thread_ts == ts

    def execution(self, row: OutboxRow) -> Execution:
        return self._reads.execution(row.execution_id)

    def _checkpoint(self, row: OutboxRow) -> Checkpoint:
        return self._reads.checkpoint(str(row.checkpoint_id))


def _text(name: str, title: str, content: str) -> Upload:
    return Upload(name, title, content.encode("utf-8", "replace"))


def _moved_note(row: OutboxRow, execution: Execution) -> str:
    """Why a message is shown in a direct message: runs never start in one."""
    if not row.channel.startswith("D"):
        return ""
    channel = execution.channel or ""
    where = "the channel of this run" if channel.startswith("D") or not channel else f"<#{channel}>"
    return f":information_source: I can no longer post in {where}, so you see this here."
