"""Renders each message of the outbox from the current state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, assert_never

from bot.slack.ids import short
from bot.slack.outbound import whole_text
from bot.slack.outbound.estimates import Estimates
from bot.slack.outbound.fallbacks import Shown, output_key, whole_key
from bot.slack.render import files, final, output, root, text, usage
from bot.slack.render.card import card
from bot.slack.render.files import Upload
from bot.slack.render.message import (
    SECTION_LIMIT,
    SENTENCE_LIMIT,
    Form,
    Rendered,
    WholeText,
    whole_text_is,
)
from bot.slack.render.position import count_rounds
from bot.slack.render.root import Progress
from storage import usage as sums
from storage.messages import OutboxKind, OutboxRow
from storage.reads import Reads
from storage.records import Checkpoint, CheckpointKind, Execution, PhaseRun
from storage.states import ACTIVE, CheckpointState


@dataclass(frozen=True, slots=True)
class Post:
    """What is to be posted for a row now. `last`: no further page of it follows."""

    content: Rendered | Upload
    last: bool = True

    @property
    def has_buttons(self) -> bool:
        return isinstance(self.content, Rendered) and bool(self.content.buttons)


class Views:
    """Renders rows. Writes nothing."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._estimates = Estimates(reads)

    def post(self, row: OutboxRow) -> Post | None:
        """What is to be posted for this row; None if nothing is, or no longer."""
        match row.kind:
            case OutboxKind.REMINDER if self._checkpoint(row).feedback is not None:
                return None  # it has been decided since
            case OutboxKind.OUTPUT:
                rendered = self._output(row)
                return None if rendered is None else Post(rendered)
            case OutboxKind.WHOLE:
                return self._rest(row)
            case OutboxKind.FILE:
                return self._file(row)
            case _:
                return Post(self.message(row))

    def message(self, row: OutboxRow) -> Rendered:
        """What the row's message should show now."""
        execution = self._reads.execution(row.execution_id)
        moved_note = _moved_note(row, execution)
        match row.kind:
            case OutboxKind.ROOT:
                return root.render(execution, self._progress(execution), moved_note=moved_note)
            case OutboxKind.CHECKPOINT:
                return self._card(row, execution, moved_note=moved_note)
            case OutboxKind.REMINDER:
                which = str(row.payload.get("which"))
                reminded = self._checkpoint(row)
                return final.reminder(
                    reminded,
                    execution,
                    which=which,
                    gate_round=self._count_rounds(reminded),
                    card_link=self._reads.permalink(card_key(reminded)),
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
                raise ValueError("it never changes")
            case _:
                assert_never(row.kind)

    def _progress(self, execution: Execution) -> Progress:
        runs = self._reads.phase_runs(execution.id)
        checkpoints = self._reads.checkpoints(execution.id)
        following = usage.upcoming_phase(execution, runs, checkpoints)
        waiting = checkpoints[-1] if checkpoints else None
        link = None
        if waiting is not None and waiting.state is CheckpointState.PENDING:
            link = self._reads.permalink(card_key(waiting))
        return Progress(runs, checkpoints, self._upcoming(execution, following), card_link=link)

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

    # --- a checkpoint's output, the rest of it, and its card ------------------------------------

    def _output(self, row: OutboxRow) -> Rendered | None:
        execution = self._reads.execution(row.execution_id)
        moved_note = _moved_note(row, execution)
        return output.render(self._checkpoint(row), execution, moved_note=moved_note)

    def _rest(self, row: OutboxRow) -> Post | None:
        """The whole text as a file, or a page of it; None if the output's message shows it all."""
        checkpoint, shown = self._checkpoint(row), Shown.of(row)
        rest = output.rest(checkpoint)
        above = self._reads.messages([output_key(row)]).get(output_key(row))
        complete = whole_text.is_in_full_form(above)
        if not rest and not shown.needed and (complete or self._output(row) is None):
            return None
        content = output.full_text(checkpoint)
        if not content.strip():
            return None
        if shown.as_messages:
            if not rest or not complete or shown.form is not Form.FULL:
                rest = whole_text.as_pages(content, form=shown.form)
            return _page(rest, shown)
        return Post(_whole_file(checkpoint, self._reads.execution(row.execution_id), content))

    def whole(self, row: OutboxRow) -> WholeText:
        """Where the whole text of this card's checkpoint is."""
        rows = self._reads.messages([output_key(row), whole_key(row)])
        checkpoint = self._checkpoint(row)
        on_card = Shown.of(row).form is Form.FULL and self._output(row) is None
        return whole_text.where(
            rows.get(output_key(row)),
            rows.get(whole_key(row)),
            fits_on_card=on_card or not output.full_text(checkpoint).strip(),
            fits_in_message=not output.rest(checkpoint),
        )

    def posted_outside(self, row: OutboxRow, channel: str) -> list[str]:
        """The keys of this card's output and the rest of it, unless they are in this channel."""
        rows = self._reads.messages([output_key(row), whole_key(row)])
        return [key for key, before in rows.items() if before.channel != channel]

    def is_whole_settled(self, row: OutboxRow) -> bool:
        """Whether this card's whole text is in the thread, or need not or cannot be."""
        return whole_text.is_settled(self._reads.messages([whole_key(row)]).get(whole_key(row)))

    def _card(self, row: OutboxRow, execution: Execution, *, moved_note: str) -> Rendered:
        checkpoint, whole = self._checkpoint(row), self.whole(row)
        rendered = card.render(
            checkpoint,
            execution,
            previous=self._previous(checkpoint),
            gate_round=self._count_rounds(checkpoint),
            used=usage.used_until(checkpoint, self._reads.phase_runs(execution.id)),
            upcoming=self._upcoming(execution, usage.phase_after(checkpoint, execution)),
            moved_note=moved_note,
            whole=whole,
            output_link=self._reads.permalink(output_key(row)),
        )
        form = Shown.of(row).form
        return rendered if form is Form.FULL else _simplified(rendered, form, whole)

    def _previous(self, checkpoint: Checkpoint) -> Checkpoint | None:
        """The decided checkpoint that this one is a revision of."""
        of_phase = [
            other
            for other in self._reads.checkpoints(checkpoint.execution_id)
            if (other.phase, other.kind) == (checkpoint.phase, checkpoint.kind)
        ]
        number = [other.id for other in of_phase].index(checkpoint.id)
        earlier = of_phase[number - 1] if number else None
        revised = earlier is not None and earlier.state is CheckpointState.REVISED
        return earlier if revised else None

    # --- files ----------------------------------------------------------------------------------

    def _file(self, row: OutboxRow) -> Post | None:
        """A file of the thread, or what is posted because Slack has refused it.

        None if there is nothing to post, or a revision has replaced the file.
        """
        execution, shown = self._reads.execution(row.execution_id), Shown.of(row)
        if "path" in row.payload:
            file = self._written_file(row)
            if file is None or not shown.as_messages:
                return None if file is None else Post(file)
            return Post(files.not_posted(str(row.payload["path"]), len(file.content)))
        if row.checkpoint_id is not None:
            content = output.full_text(self._checkpoint(row))
            file = _whole_file(self._checkpoint(row), execution, content)
        else:
            content = final.result_text(execution)
            name = f"{execution.crew}-result-{short(execution.id)}.md"
            file = _text(name, "The whole result", content)
        if not content.strip():
            return None
        if shown.as_messages:
            if row.checkpoint_id is None and self._final_shows_all(row, execution):
                return None
            return _page(whole_text.as_pages(content, form=shown.form), shown)
        return Post(file)

    def _final_shows_all(self, row: OutboxRow, execution: Execution) -> bool:
        key = f"{OutboxKind.FINAL.value}:{row.execution_id}"
        message = self._reads.messages([key]).get(key)
        in_full = message is not None and Shown.of(message).form is Form.FULL
        return in_full and final.shows_all(execution)

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

    def is_shown_by(self, row: OutboxRow, ts: str) -> bool:
        """Whether `ts` is the timestamp stored for what this row shows, or it shows more by now."""
        stored = self._reads.messages([row.key]).get(row.key)
        return stored is not None and (stored.ts == ts or stored.generation != row.generation)

    def progress(self, row: OutboxRow) -> tuple[Execution, PhaseRun | None]:
        """The run that a root message is about, and its newest phase run."""
        runs = self._reads.phase_runs(row.execution_id)
        return self.execution(row), runs[-1] if runs else None

    def execution(self, row: OutboxRow) -> Execution:
        return self._reads.execution(row.execution_id)

    def _checkpoint(self, row: OutboxRow) -> Checkpoint:
        return self._reads.checkpoint(str(row.checkpoint_id))


def card_key(checkpoint: Checkpoint) -> str:
    return f"{OutboxKind.CHECKPOINT.value}:{checkpoint.id}"


def _page(pages: Sequence[Rendered], shown: Shown) -> Post | None:
    if shown.page >= len(pages):
        return None
    return Post(pages[shown.page], last=shown.page == len(pages) - 1)


def _whole_file(checkpoint: Checkpoint, execution: Execution, content: str) -> Upload:
    phase = text.plain(checkpoint.phase, 60).replace(" ", "-").replace("/", "-")
    return _text(
        f"{execution.crew}-{phase}-{short(checkpoint.id)}.md",
        f"The whole text of {text.label(checkpoint.phase)}",
        content,
    )


def _simplified(rendered: Rendered, form: Form, whole: WholeText) -> Rendered:
    """A card in a form that leaves something out says where the whole text is."""
    note = whole_text_is(whole)
    if form is Form.TEXT:
        note = f"{note} {_NO_BUTTONS}".strip()
    room = SECTION_LIMIT - len(note) - 1
    return replace(
        rendered,
        text=f"{text.shorten_mrkdwn(rendered.text, SENTENCE_LIMIT - len(note) - 1)} {note}".strip(),
        plain=f"{text.shorten_mrkdwn(rendered.plain, room)}\n{note}".strip(),
    )


_NO_BUTTONS: Final = "Slack does not show its buttons here: mention me in this thread to decide."


def _text(name: str, title: str, content: str) -> Upload:
    return Upload(name, title, content.encode("utf-8", "replace"))


def _moved_note(row: OutboxRow, execution: Execution) -> str:
    """Why a message is shown in a direct message: runs never start in one."""
    if not row.channel.startswith("D"):
        return ""
    channel = execution.channel or ""
    where = "the channel of this run" if channel.startswith("D") or not channel else f"<#{channel}>"
    return f":information_source: I can no longer post in {where}, so you see this here."
