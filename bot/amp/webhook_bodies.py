"""What CrewAI AMP's webhooks say: records in, JSON objects out. Pure.

They have AMP's fields under AMP's names, and a few more. What AMP knows and a crew here does not
report is null.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from bot.amp import tasks
from storage import usage
from storage.definitions import Json
from storage.output_hash import output_hash
from storage.records import Checkpoint, Execution, PhaseRun, TaskResult
from storage.states import CheckpointState

ESCALATION: Final = "escalation"


def human_input(
    execution: Execution,
    checkpoint: Checkpoint,
    *,
    event: str,
    at: datetime,
    meta: Json,
    callback_url: str | None,
    response_token: str | None,
) -> dict[str, Any]:
    """A person is asked, at the time `at`, or reminded shortly before the deadline.

    The fields are those of AMP's human input and of its flows' requests.
    """
    pause = checkpoint.output.pause
    saved: Mapping[str, Any] = {} if pause is None else pause.saved
    task = tasks.task_of(checkpoint)
    is_pending = checkpoint.state is CheckpointState.PENDING
    return {
        "event_type": event,
        "execution_id": execution.id,
        "kickoff_id": execution.id,
        "task_id": task,
        "id": checkpoint.id,
        "status": "pending" if is_pending else "responded",
        "flow_id": execution.id,
        "flow_class": _class_name(execution),
        "method_name": task,
        "message": checkpoint.description,
        "output": checkpoint.output.output,
        "emit": list(checkpoint.outcomes),
        "default_outcome": None if pause is None else pause.default_outcome,
        "state": _state(saved),
        "metadata": _metadata(saved),
        "created_at": _iso(checkpoint.created_at),
        "callback_url": callback_url,
        "response_token": response_token,
        "deployment_id": None,
        "deployment_name": execution.crew,
        "flow_execution_id": execution.id,
        "trace_batch_id": None,
        "organization_id": None,
        "assigned_to": None,
        "assigned_to_email": None,
        "assigned_at": None,
        "escalated_at": _iso(at) if event == ESCALATION else None,
        "sla_target_minutes": _minutes(checkpoint),
        "triggered_by_user_id": None,
        "routing": {
            "effective_responders": [
                {"id": approver, "email": None, "name": None}
                for approver in checkpoint.rule.approvers
            ],
            "enforce_routing_rules": True,
        },
        "meta": meta,
        "checkpoint_name": checkpoint.name,
        "revision": checkpoint.revision,
        "output_hash": output_hash(checkpoint.output),
    }


def task(execution: Execution, run: PhaseRun, number: int, *, meta: Json) -> dict[str, Any] | None:
    """A task ended; None if the run has no such task."""
    finished = tasks.timed_tasks(run)
    if number >= len(finished):
        return None
    result, dump = finished[number].result, _dump(finished[number].result)
    return {
        "task_id": result.task,
        "name": result.task,
        "description": dump.get("description"),
        "expected_output": dump.get("expected_output"),
        "summary": dump.get("summary"),
        "agent": result.agent,
        "output": result.output,
        "output_json": _structured(result),
        "kickoff_id": execution.id,
        "execution_id": execution.id,
        "meta": meta,
        "execution_time": finished[number].seconds,
        "revision": run.revision,
    }


def step(execution: Execution, data: Mapping[str, object], *, meta: Json) -> dict[str, Any]:
    """An agent began a task or took a tool. What it thinks and what came of it is not reported."""
    return {
        "prompt": None,
        "thought": None,
        "tool": data.get("tool") or None,
        "tool_input": None,
        "result": None,
        "task_id": data.get("task"),
        "agent": data.get("agent"),
        "kickoff_id": execution.id,
        "execution_id": execution.id,
        "meta": meta,
    }


def crew(
    execution: Execution,
    runs: Sequence[PhaseRun],
    *,
    status: str,
    meta: Json,
    now: datetime,
) -> dict[str, Any]:
    """The execution ended, whichever way. `result` is null unless it completed."""
    last = tasks.results(runs)[-1:]
    result = execution.result
    total = usage.total(run.usage for run in runs).values()
    parts = {
        name: sum(counts.get(name, 0) for counts in total)
        for name in ("prompt_tokens", "completion_tokens")
    }
    return {
        "kickoff_id": execution.id,
        "execution_id": execution.id,
        "status": "completed" if status == "completed" else "error",
        "result": None if result is None else result.output,
        "result_json": _structured(last[0].result) if last and result is not None else None,
        "token_usage": {"total_tokens": sum(map(usage.tokens_of, total)), **parts},
        "error": None if status == "completed" else why_ended(execution),
        "execution_time": tasks.seconds_at_work(runs, now),
        "meta": meta,
    }


def why_ended(execution: Execution) -> str:
    """Why an execution has no result, for a client that knows only that it failed."""
    if execution.ended_by is None:
        return execution.error or "The execution failed"
    by = execution.ended_by.name or execution.ended_by.id
    return f"The execution was {execution.state.value} by {by}"


def _dump(result: TaskResult) -> Mapping[str, Any]:
    """CrewAI's own dump of the output; empty for programs."""
    dump = result.saved.get("output")
    return dump if isinstance(dump, Mapping) else {}


def _structured(result: TaskResult) -> Json:
    return json.loads(result.structured) if result.structured else None


def _state(saved: Mapping[str, Any]) -> Json:
    """The flow's state at the pause. At a checkpoint of crews.yml it is among the saved steps."""
    steps = saved.get("steps")
    between: Json = steps.get("state") if isinstance(steps, Mapping) else None
    return saved.get("state") or between or {}


def _metadata(saved: Mapping[str, Any]) -> Json:
    context = saved.get("context")
    return (context.get("metadata") if isinstance(context, Mapping) else None) or {}


def _class_name(execution: Execution) -> str:
    target = execution.definition.target or execution.crew
    return target.rpartition(":")[2]


def _minutes(checkpoint: Checkpoint) -> int | None:
    if checkpoint.deadline is None:
        return None
    return round((checkpoint.deadline - checkpoint.created_at).total_seconds() / 60)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
