"""Examples of bodies and parameters for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

_EXECUTION: Final = "8d5d2f4e-7a0c-4a52-9e0c-0c7f6c2b1a11"
_CHECKPOINT: Final = "c2a4b8f0-3f0e-4d55-8c0a-5a1d6f1e2b33"
_CREATED: Final = "2026-02-07T09:00:00.125000Z"
_WAITED: Final = "2026-02-07T09:01:30.250000Z"
_DECIDED: Final = "2026-02-07T09:14:02.500000Z"
_DEADLINE: Final = "2026-02-08T09:01:30.250000Z"
_MESSAGE: Final = "A content plan for a summer campaign"
_HASH: Final = "9f86d081884c7d659a2feaa0c55ad015"
_CURSOR: Final = "WyIyMDI2LTAyLTA3VDA5OjAwOjAwKzAwOjAwIiwgIjhkNWQyZjRlIl0"

_PERSON: Final[dict[str, Any]] = {"kind": "slack", "id": "U012ABCDEF", "name": "Ana"}
_TASK_OUTPUT: Final[dict[str, Any]] = {
    "task": "content_plan",
    "agent": "Content strategist",
    "output": "# Summer campaign\n\nFour posts a week…",
}
_CONTEXT: Final[dict[str, Any]] = {
    "output": _TASK_OUTPUT["output"],
    "task_outputs": [_TASK_OUTPUT],
    "revision": 1,
    "feedback": None,
}
_SPENT: Final[dict[str, Any]] = {
    "tokens": 5120,
    "at_least": False,
    "cost": 0.0042,
    "price_unknown": [],
}
_USAGE: Final[dict[str, Any]] = {
    **_SPENT,
    "by_phase": [{**_SPENT, "phase": "planning"}],
    "by_model": [{**_SPENT, "model": "gpt-4o-mini"}],
}
_RESULT: Final[dict[str, Any]] = {
    "status": "complete",
    "output": _TASK_OUTPUT["output"],
    "task_outputs": [_TASK_OUTPUT],
}
_STATUS: Final[dict[str, Any]] = {
    "execution_id": _EXECUTION,
    "status": "waiting_feedback",
    "current_checkpoint": _CHECKPOINT,
    "completed_checkpoints": [],
    "result": None,
    "error": None,
    "usage": _USAGE,
}
_WAITING: Final[dict[str, Any]] = {
    "execution_id": _EXECUTION,
    "checkpoint_id": _CHECKPOINT,
    "checkpoint_name": "after_planning",
    "description": "Review the content plan",
    "context": _CONTEXT,
    "status": "pending",
    "created_at": _WAITED,
    "phase": "planning",
    "revision": 1,
    "approvers": ["@channel"],
    "deadline": _DEADLINE,
    "on_timeout": "stop",
    "kind": "phase",
    "outcomes": [],
    "files": [],
    "summary": None,
    "form": [],
    "output_hash": _HASH,
    "actions": ["continue", "revise", "stop", "skip"],
}
_DECISION: Final[dict[str, Any]] = {
    "action": "continue",
    "outcome": None,
    "feedback": None,
    "values": {},
    "means": None,
    "actor": {**_PERSON, "id": "U065QRSTUV", "name": "Ben"},
    "decided_at": _DECIDED,
}
_ITEM: Final[dict[str, Any]] = {
    "execution_id": _EXECUTION,
    "crew": "plan",
    "status": "waiting_feedback",
    "message": _MESSAGE,
    "requester": _PERSON,
    "channel": "C024BE91L",
    "permalink": "https://example.slack.com/archives/C024BE91L/p1770454800000100",
    "created_at": _CREATED,
    "updated_at": _WAITED,
    "ended_at": None,
    "waiting": {
        "checkpoint_id": _CHECKPOINT,
        "checkpoint_name": "after_planning",
        "deadline": _DEADLINE,
    },
    "error": None,
}
_RUN: Final[dict[str, Any]] = {
    "phase": "planning",
    "phase_index": 0,
    "attempt": 1,
    "revision": 1,
    "status": "done",
    "created_at": _CREATED,
    "started_at": _CREATED,
    "ended_at": _WAITED,
    "output": _TASK_OUTPUT["output"],
    "task_outputs": [_TASK_OUTPUT],
    "feedback": None,
    "progress": {},
    "error": None,
}
_LISTED_WAITING: Final[dict[str, Any]] = {
    **_WAITING,
    "crew": "plan",
    "message": _MESSAGE,
    "requester": _PERSON,
    "channel": "C024BE91L",
    "permalink": None,
}
_CREW: Final[dict[str, Any]] = {
    "name": "plan",
    "description": "Plans content for a campaign",
    "kind": "crew",
    "phases": ["planning", "analysis", "strategy"],
    "pauses": ["after_planning", "after_analysis", "before_finalization"],
    "inputs": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "topic": {"type": "string", "description": "Takes `message` if it is not given."}
        },
        "required": ["topic"],
        "additionalProperties": False,
    },
    "problem": None,
}
_DELIVERY: Final[dict[str, Any]] = {
    "id": "6d0a4a7e-5a0f-4e5f-9d6e-0f6a3c1f0c55",
    "execution_id": _EXECUTION,
    "type": "checkpoint.waiting",
    "url": "https://example.com/countersign",
    "format": "standard",
    "state": "dead",
    "attempts": 14,
    "created_at": "2026-02-07T09:01:30.250000+00:00",
    "next_attempt_at": None,
    "delivered_at": None,
    "last_status": 503,
    "error": "the receiver answered 503",
}
_AUDIT_ROW: Final[dict[str, Any]] = {
    "seq": 42,
    "at": _DECIDED,
    "event": "checkpoint.decided",
    "actor": _DECISION["actor"],
    "details": {"checkpoint": _CHECKPOINT, "action": "continue", "status": "running"},
    "digest": "a" * 64,
    "hash": "b" * 64,
}

BODIES: Final[dict[str, Any]] = {
    "ExecuteBody": {
        "message": _MESSAGE,
        "crew": "plan",
        "language": "English",
        "checkpoints": ["after_planning", "after_analysis"],
    },
    "FeedbackBody": {
        "execution_id": _EXECUTION,
        "checkpoint_id": _CHECKPOINT,
        "action": "revise",
        "feedback": "Shorter, and name the prices",
    },
    "StatusBody": _STATUS,
    "CheckpointBody": _WAITING,
    "FeedbackReceivedBody": {
        "status": "feedback_received",
        "action": "revise",
        "execution_id": _EXECUTION,
        "checkpoint_id": _CHECKPOINT,
    },
    "ExecutionsBody": {"items": [_ITEM], "next": _CURSOR},
    "ExecutionBody": {
        **_ITEM,
        "request": {
            "message": _MESSAGE,
            "user_input": _MESSAGE,
            "campaign_context": "",
            "language": "English",
            "inputs": {"topic": _MESSAGE},
        },
        "phases": ["planning", "analysis", "strategy"],
        "left_out": [],
        "runs": [_RUN],
        "checkpoints": [{**_WAITING, "decision": None}],
        "actions": ["cancel"],
        "ended_by": None,
        "result": None,
        "usage": _USAGE,
    },
    "WaitingCheckpointsBody": {"items": [_LISTED_WAITING], "next": None},
    "AuditBody": {"items": [_AUDIT_ROW], "next": None},
    "CrewsBody": {"items": [_CREW], "next": None},
    "CrewBody": _CREW,
    "TicketBody": {"ticket": "cst_7Qm…", "expires_in": 60},
    "SignInBody": {"token": "cst_4fJ…"},
    "SessionBody": {
        "name": "Ana",
        "person": "U012ABCDEF",
        "scopes": ["decide", "execute", "read"],
        "needed": True,
        "expires_at": None,
    },
    "HealthBody": {"status": "healthy", "active_executions": 3, "pending_checkpoints": 1},
    "ReadyBody": {"status": "ready"},
    "DeliveriesBody": {"items": [_DELIVERY], "next": None},
    "DeliveryBody": _DELIVERY,
    "ProblemBody": {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "checkpoint 'after_planning' was already continued by Ben",
    },
    "DecisionBody": _DECISION,
    "ResultBody": _RESULT,
}
"""By the name of a schema."""

PARAMETERS: Final[dict[str, Any]] = {
    "execution_id": _EXECUTION,
    "kickoff_id": _EXECUTION,
    "name": "plan",
    "crew": "plan",
    "request_id": _CHECKPOINT,
    "delivery_id": _DELIVERY["id"],
    "token": "cst_9aB",
    "status": ["running", "waiting_feedback"],
    "state": "dead",
    "requester": "U012ABCDEF",
    "channel": "C024BE91L",
    "created_after": "2026-02-01T00:00:00Z",
    "created_before": "2026-03-01T00:00:00Z",
    "limit": 50,
    "wait": 30,
    "waiting": "true",
    "cursor": _CURSOR,
    "audit.cursor": "WzQyXQ",
    "deliveries.cursor": "41",
    "last_event_id": "41",
    "last-event-id": "41",
    "ticket": "cst_7Qm",
    "idempotency-key": "order-17",
    "if-none-match": '"3f2a"',
}
"""By name in lower case, or by operation and name."""

WEBHOOK: Final[dict[str, Any]] = {
    "type": "checkpoint.waiting",
    "timestamp": _WAITED,
    "data": {
        "execution_id": _EXECUTION,
        "status": "waiting_feedback",
        "checkpoint_id": _CHECKPOINT,
        "checkpoint_name": "after_planning",
        "phase": "planning",
        "revision": 1,
    },
}
