"""What each message of the outbox shows, rendered from the present state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from bot.slack.ids import short
from bot.slack.outbound.estimates import Estimates
from bot.slack.render import checkpoint as checkpoint_message
from bot.slack.render import final, outputs, root, text, usage
from bot.slack.render.message import Rendered
from bot.slack.render.position import times_met
from bot.slack.render.root import Progress
from storage import usage as sums
from storage.messages import OutboxKind, OutboxRow
from storage.reads import Reads
from storage.records import Checkpoint, CheckpointKind, Execution
from storage.states import ACTIVE


@dataclass(frozen=True, slots=True)
class WholeText:
    """An output as a file. The name is the same each time, so that it can be found again."""

    name: str
    title: str
    content: str


class Views:
    """Renders rows. Reads only."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._estimates = Estimates(reads)

    def message(self, row: OutboxRow) -> Rendered:
        """What the row's message is to show now."""
        execution = self._reads.execution(row.execution_id)
        instead_of = _instead_of(row, execution)
        match row.kind:
            case OutboxKind.ROOT:
                return root.render(execution, self._progress(execution), instead_of=instead_of)
            case OutboxKind.CHECKPOINT:
                shown = self._checkpoint(row)
                return checkpoint_message.render(
                    shown,
                    execution,
                    met=self._times_met(shown),
                    used=usage.until(shown, self._reads.phase_runs(execution.id)),
                    upcoming=self._upcoming(execution, usage.phase_after(shown, execution)),
                    instead_of=instead_of,
                )
            case OutboxKind.REMINDER:
                which = str(row.payload.get("which"))
                about = self._checkpoint(row)
                return final.reminder(about, execution, which=which, met=self._times_met(about))
            case OutboxKind.FINAL:
                runs = self._reads.phase_runs(execution.id)
                used = sums.total(run.usage for run in runs)
                return final.render(execution, used=used, instead_of=instead_of)
            case OutboxKind.NOTICE:
                named = row.payload.get("checkpoint")
                checkpoint = self._reads.checkpoint(named) if isinstance(named, str) else None
                return final.notice(execution, row.payload, checkpoint, instead_of=instead_of)
            case OutboxKind.FILE:
                raise ValueError("a file is not a message")
            case _:
                assert_never(row.kind)

    def _progress(self, execution: Execution) -> Progress:
        runs = self._reads.phase_runs(execution.id)
        checkpoints = self._reads.checkpoints(execution.id)
        following = usage.phase_to_come(execution, runs, checkpoints)
        return Progress(runs, checkpoints, self._upcoming(execution, following))

    def _upcoming(self, execution: Execution, phase: str | None) -> usage.Upcoming | None:
        """What a phase of a run that goes on usually takes."""
        if phase is None or execution.state not in ACTIVE:
            return None
        usual = self._estimates.of(execution.crew, phase)
        return None if usual is None else usage.Upcoming(phase, usual)

    def _times_met(self, checkpoint: Checkpoint) -> int:
        if checkpoint.kind is not CheckpointKind.GATE:
            return 1
        return times_met(checkpoint, self._reads.checkpoints(checkpoint.execution_id))

    def whole_text(self, row: OutboxRow) -> WholeText | None:
        """The file of a FILE row; None where the message shows all of it."""
        execution = self._reads.execution(row.execution_id)
        if row.checkpoint_id is None:
            content = final.result_text(execution)
            name = f"{execution.crew}-result-{short(execution.id)}.md"
            return WholeText(name, "The whole result", content) if content.strip() else None
        checkpoint = self._checkpoint(row)
        _, clipped = checkpoint_message.shown_output(checkpoint)
        if not clipped:
            return None
        phase = text.plain(checkpoint.phase, 60).replace(" ", "-").replace("/", "-")
        return WholeText(
            f"{execution.crew}-{phase}-{short(checkpoint.id)}.md",
            f"The whole text of {text.label(checkpoint.phase)}",
            outputs.whole(checkpoint.output),
        )

    def still_to_tell(self, row: OutboxRow) -> bool:
        """Whether posting is still worth it: reminders of what is decided are not."""
        if row.kind is not OutboxKind.REMINDER:
            return True
        return self._checkpoint(row).feedback is None

    def is_shown_by(self, row: OutboxRow, ts: str) -> bool:
        """Whether the message `ts` is the one that is stored for what this row shows."""
        if row.kind is OutboxKind.CHECKPOINT:
            return self._checkpoint(row).message_ts == ts
        return row.kind is OutboxKind.ROOT and self.execution(row).thread_ts == ts

    def execution(self, row: OutboxRow) -> Execution:
        return self._reads.execution(row.execution_id)

    def _checkpoint(self, row: OutboxRow) -> Checkpoint:
        return self._reads.checkpoint(str(row.checkpoint_id))


def _instead_of(row: OutboxRow, execution: Execution) -> str:
    """Why a message stands in a direct message: runs themselves never start in one."""
    if not row.channel.startswith("D"):
        return ""
    channel = execution.channel or ""
    where = "the channel of this run" if channel.startswith("D") or not channel else f"<#{channel}>"
    return f":information_source: I can no longer post in {where}, so this is shown to you here."
