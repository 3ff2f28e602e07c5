"""The first message of a run's thread: the request, and the progress. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from slack_sdk.models.blocks import (
    Block,
    ButtonElement,
    ConfirmObject,
    InteractiveElement,
    PlainTextObject,
    PlanBlock,
    RichTextBlock,
    RichTextElementParts,
    RichTextSectionElement,
    TaskCardBlock,
)

from bot.slack.ids import ActionId, short
from bot.slack.render import people, text, usage
from bot.slack.render.message import Rendered, context, listed, section
from bot.slack.render.request import asked_for, how_it_was_read
from storage import usage as sums
from storage.records import HELD, Checkpoint, CheckpointKind, Execution, PhaseRun
from storage.states import ACTIVE, ENDED, CheckpointState, ExecutionState, PhaseRunState

REQUEST_LIMIT = 1200
PHASES_SHOWN: Final = 20

_STATUS: Final = {
    PhaseRunState.QUEUED: "pending",
    PhaseRunState.RUNNING: "in_progress",
    PhaseRunState.DONE: "complete",
    PhaseRunState.FAILED: "error",
    PhaseRunState.CANCELLED: "pending",
}

_DECIDED: Final = {
    CheckpointState.PENDING: "Waiting for a decision",
    CheckpointState.APPROVED: "Approved",
    CheckpointState.SKIPPED: "Skipped: went on without approval",
    CheckpointState.REVISED: "Revision requested",
    CheckpointState.REJECTED: "Stopped here",
    CheckpointState.EXPIRED: "Nobody decided in time",
    CheckpointState.CANCELLED: "Cancelled here",
}

_TASK_STATES: Final = {"running": "at work", "done": "done"}
"""Tasks in other states have not started and are not shown."""

_WAITING_FOR: Final = {
    CheckpointKind.TOOL: "Asking whether a tool may be called",
    CheckpointKind.QUESTION: "Waiting for an answer",
    CheckpointKind.TASK: "Asking about a task's answer",
    CheckpointKind.BUDGET: "Asking whether to go on over the budget",
}


@dataclass(frozen=True, slots=True)
class Progress:
    """What the root message shows besides the execution itself. `card_link` is the address of the
    card that waits for a decision, once it is known."""

    runs: Sequence[PhaseRun] = ()
    checkpoints: Sequence[Checkpoint] = ()
    upcoming: usage.Upcoming | None = None
    card_link: str | None = None


def render(execution: Execution, progress: Progress, *, moved_note: str = "") -> Rendered:
    """`moved_note` says why the message is not in the channel in which the run was started."""
    who, crew = people.person(execution.requester), text.mrkdwn(execution.crew)
    request = asked_for(execution.request)
    lead = f"{who} asked *{crew}* for" if request else f"{who} started *{crew}*"
    quoted = f"\n{text.quote(request, REQUEST_LIMIT)}" if request else ""
    state = state_line(execution, progress)
    blocks: list[Block] = []
    if moved_note:
        blocks.append(section(moved_note))
    blocks.append(section(f"{lead}{quoted}"))
    if execution.state in ACTIVE and execution.phases:
        blocks.append(_plan(execution, progress, title=_plain_state(execution, progress)))
    else:
        blocks.append(section(state))
        if progress.runs:
            blocks.append(context(_phases_line(execution, progress)))
    if progress.card_link is not None and execution.state is ExecutionState.WAITING_FEEDBACK:
        blocks.append(context(f"<{progress.card_link}|Open the checkpoint>"))
    amounts = _amounts(execution, progress)
    if amounts:
        blocks.append(context(*amounts))
    blocks.append(context(*_small_print(execution)))
    return Rendered(
        text=f"{f'{lead} {text.line(request, 150)}'.strip()}. {state}",
        blocks=tuple(blocks),
        plain=f"{lead}{quoted}\n{state}",
        buttons=_buttons(execution),
    )


def state_line(execution: Execution, progress: Progress) -> str:
    """The state of the run on one line, as mrkdwn."""
    took = people.duration((execution.ended_at or execution.updated_at) - execution.created_at)
    match execution.state:
        case ExecutionState.PENDING | ExecutionState.RUNNING | ExecutionState.WAITING_FEEDBACK:
            return text.mrkdwn(_plain_state(execution, progress))
        case ExecutionState.COMPLETED:
            return f":white_check_mark: The execution is complete, after {took}."
        case ExecutionState.STOPPED:
            return f":octagonal_sign: Stopped by {_ended_by(execution)}."
        case ExecutionState.CANCELLED:
            return f":no_entry_sign: Cancelled by {_ended_by(execution)}."
        case ExecutionState.ERROR:
            return f":warning: It failed: {failure(execution)}"
        case _:
            assert_never(execution.state)


def failure(execution: Execution) -> str:
    """What went wrong, as mrkdwn on one line."""
    return text.line(execution.error or "for an unknown reason", 600)


def _ended_by(execution: Execution) -> str:
    return people.person(execution.ended_by) if execution.ended_by else "somebody"


def _plain_state(execution: Execution, progress: Progress) -> str:
    """The state of an active run as plain text: a plan's title allows no formatting."""
    run = progress.runs[-1] if progress.runs else None
    if execution.state is ExecutionState.PENDING or run is None:
        return "Waiting for a worker"
    position = _position(run, execution, progress)
    phase = text.label(run.phase)
    if execution.state is ExecutionState.WAITING_FEEDBACK:
        return f"{_waiting_for(progress)} {phase}{position}"
    suffix = f", try {run.attempt}" if run.attempt > 1 else ""
    verb = "Revising" if run.revision > 1 else "Working on"
    return f"{verb} {phase}{position}{suffix}"


def _position(run: PhaseRun, execution: Execution, progress: Progress) -> str:
    """`(phase 2 of 3)`; empty for a flow, whose number of phases is not known in advance."""
    open_ended = any(c.kind is CheckpointKind.GATE for c in progress.checkpoints)
    if open_ended or not execution.phases:
        return ""
    return f" (phase {run.phase_index + 1} of {len(execution.phases)})"


def _waiting_for(progress: Progress) -> str:
    waiting = progress.checkpoints[-1] if progress.checkpoints else None
    if waiting is None or waiting.kind not in HELD:
        return "Waiting for a decision after"
    return f"{_WAITING_FOR[waiting.kind]} in"


def _plan(execution: Execution, progress: Progress, *, title: str) -> PlanBlock:
    latest = {run.phase_index: run for run in progress.runs}
    current = progress.runs[-1].phase_index if progress.runs else 0
    first = max(0, min(current - 3, len(execution.phases) - PHASES_SHOWN))
    window = list(enumerate(execution.phases))[first : first + PHASES_SHOWN]
    cards = [_card(index, phase, latest.get(index), progress) for index, phase in window]
    hidden = len(execution.phases) - len(window)
    if hidden:
        title = f"{title} · {hidden} more phases not shown"
    # Slack folds a plan up at an update unless it keeps its id.
    return PlanBlock(title=text.plain(title, 150), tasks=cards, block_id=f"plan_{execution.id}")


def _card(index: int, phase: str, run: PhaseRun | None, progress: Progress) -> TaskCardBlock:
    status = _STATUS[run.state] if run is not None else "pending"
    name = text.plain(text.label(phase), 100)
    details = _details(run, progress) if run is not None else ""
    return TaskCardBlock(
        task_id=f"phase_{index + 1}",
        title=name,
        status=status,
        details=_rich(details) if details else None,
    )


def _details(run: PhaseRun, progress: Progress) -> str:
    """The status of the phase, and what it used."""
    used = usage.spent(usage.of_phase(progress.runs, run.phase_index))
    return "\n".join(line for line in (_status_line(run, progress), used) if line)


def _status_line(run: PhaseRun, progress: Progress) -> str:
    opened = [c for c in progress.checkpoints if c.phase_run_id == run.id]
    newest = opened[-1] if opened else None
    if newest is not None and newest.kind not in HELD:
        return _decided(newest)
    if newest is not None and newest.state is CheckpointState.PENDING:
        return _WAITING_FOR[newest.kind]
    match run.state:
        case PhaseRunState.RUNNING:
            return _tasks(run)
        case PhaseRunState.QUEUED:
            return f"Try {run.attempt} is about to start" if run.attempt > 1 else ""
        case PhaseRunState.FAILED:
            return text.plain(run.error or "", 200)
        case PhaseRunState.DONE | PhaseRunState.CANCELLED:
            return ""
        case _:
            assert_never(run.state)


def _decided(checkpoint: Checkpoint) -> str:
    feedback = checkpoint.feedback
    if feedback is not None and feedback.outcome is not None:
        return text.plain(f"Outcome: {feedback.outcome}", 100)
    return _DECIDED[checkpoint.state]


def _tasks(run: PhaseRun) -> str:
    """Which agent works on which task, from the progress that the run reported."""
    tasks = run.progress.get("tasks")
    lines: list[str] = []
    for task in tasks if isinstance(tasks, list) else []:
        if not isinstance(task, dict) or task.get("state") not in _TASK_STATES:
            continue
        name, agent = task.get("task"), task.get("agent")
        if not isinstance(name, str) or not name:
            continue
        by = f" ({text.plain(agent, 60)})" if isinstance(agent, str) and agent.strip() else ""
        lines.append(f"{text.plain(text.label(name), 80)}{by}: {_TASK_STATES[str(task['state'])]}")
    tool = run.progress.get("tool")
    if isinstance(tool, str) and tool.strip():
        lines.append(f"Using the tool {text.plain(text.label(tool), 80)}")
    return "\n".join(lines[-6:])


def _rich(plain: str) -> RichTextBlock:
    return RichTextBlock(
        elements=[RichTextSectionElement(elements=[RichTextElementParts.Text(text=plain)])]
    )


def _phases_line(execution: Execution, progress: Progress) -> str:
    latest = {run.phase_index: run for run in progress.runs}
    symbols = {"complete": "✓", "in_progress": "…", "error": "✗", "pending": "–"}
    parts = []
    for index, phase in enumerate(execution.phases[:PHASES_SHOWN]):
        run = latest.get(index)
        symbol = symbols[_STATUS[run.state]] if run is not None else symbols["pending"]
        parts.append(f"{text.line(text.label(phase), 40)} {symbol}")
    if len(execution.phases) > PHASES_SHOWN:
        parts.append(f"{len(execution.phases) - PHASES_SHOWN} more")
    return " · ".join(parts) or "no phase has run"


def _amounts(execution: Execution, progress: Progress) -> list[str]:
    """What the run used, by phase once it has ended, and what the next phase usually uses."""
    used = usage.spent(sums.total(run.usage for run in progress.runs))
    if execution.state in ACTIVE:
        so_far = f"so far: {used}" if used else ""
        return [part for part in (so_far, usage.upcoming(progress.upcoming)) if part]
    parts = usage.by_phase(progress.runs, execution.phases)
    return [part for part in (used, parts) if used and part]


def _small_print(execution: Execution) -> list[str]:
    lines = [f"run `{short(execution.id)}` · started {people.when(execution.created_at)}"]
    lines += how_it_was_read(execution.request)
    if execution.left_out:
        names = [text.line(name, 60) for name in execution.left_out[:10]]
        lines.append(f"skipped in advance by {people.person(execution.requester)}: {listed(names)}")
    return lines


def _buttons(execution: Execution) -> tuple[InteractiveElement, ...]:
    if execution.state in ENDED:
        return ()
    retry = ButtonElement(
        action_id=ActionId.RETRY,
        text=PlainTextObject(text="Retry", emoji=False),
        value=execution.id,
        style="primary",
    )
    cancel = ButtonElement(
        action_id=ActionId.CANCEL,
        text=PlainTextObject(text="Cancel run", emoji=False),
        value=execution.id,
        confirm=ConfirmObject(
            title="Cancel this run?",
            text=PlainTextObject(
                text="Work in progress is stopped within seconds. The run cannot be resumed."
            ),
            confirm="Cancel the run",
            deny="Let it run",
            style="danger",
        ),
    )
    failed = execution.state is ExecutionState.ERROR
    return (retry, cancel) if failed and execution.retry_helps else (cancel,)
