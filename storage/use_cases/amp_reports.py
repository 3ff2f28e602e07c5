"""What CrewAI AMP's webhooks hear of, beside the events of executions.

Each report is queued in the transaction that makes what it is about.
"""

from __future__ import annotations

from collections.abc import Mapping

from storage.db.transaction import Transaction
from storage.records import Execution, PhaseOutput, PhaseRun
from storage.use_cases.webhooks import queue
from storage.webhooks import WebhookPurpose


def queue_request(
    tx: Transaction, execution: Execution, checkpoint_id: str, *, escalates: bool = False
) -> None:
    """Queue AMP's request for a person's answer, or the reminder that its time is nearly up."""
    kind = "escalation" if escalates else "new_request"
    data = {"checkpoint": checkpoint_id}
    queue(tx, execution, WebhookPurpose.HUMAN_INPUT, type=kind, data=data)


def queue_tasks(tx: Transaction, execution: Execution, run: PhaseRun, output: PhaseOutput) -> None:
    """Queue AMP's report of each task of a phase that is done."""
    for number, _task in enumerate(output.tasks):
        data = {"run": run.id, "task": number}
        queue(tx, execution, WebhookPurpose.TASK, type="task", data=data)


def queue_step(tx: Transaction, execution: Execution, progress: Mapping[str, object]) -> None:
    """Queue AMP's report of a step: the task that an agent works on, and its tool."""
    tasks = progress.get("tasks")
    running = [
        {"task": each.get("task"), "agent": each.get("agent")}
        for each in (tasks if isinstance(tasks, list) else [])
        if isinstance(each, dict) and each.get("state") == "running"
    ]
    data: dict[str, object] = {**(running[0] if running else {}), "tool": progress.get("tool")}
    if running or data["tool"]:
        queue(tx, execution, WebhookPurpose.STEP, type="step", data=data)


def queue_end(tx: Transaction, execution: Execution) -> None:
    """Queue AMP's report of the end of an execution, or of its failure."""
    data = {"status": execution.state.value}
    queue(tx, execution, WebhookPurpose.CREW, type="crew", data=data)
