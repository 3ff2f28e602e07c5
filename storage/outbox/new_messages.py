"""What use cases add to the outbox: messages to post, and changes of what they show.

Payloads: REMINDER {"which": "half" | "last"}; NOTICE {"notice": "cancelled" | "error"},
{"notice": "expired", "checkpoint": id} or {"text": text}; beside these, the deliverer keeps in a
payload how it shows a message that Slack has refused (`bot.slack.outbound.fallbacks`).

A checkpoint has three rows, in this order: its output (`output:CHECKPOINT`), the rest of it
(`whole:CHECKPOINT`) and the card (`checkpoint:CHECKPOINT`). The deliverer calls `mark_unneeded` for
those that have nothing to show. Each file of a phase has one more, `file:CHECKPOINT:NUMBER` with
{"path": path, "run": phase run}; files that no checkpoint has shown have one with the final
message, `file:EXECUTION:NUMBER`. `file:EXECUTION` is the whole result.
Earlier versions kept a checkpoint's whole text in `file:CHECKPOINT`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from storage.db import message_statements, sql
from storage.db.rows import find_execution
from storage.db.transaction import Transaction
from storage.messages import OutboxKind, OutboxState
from storage.records import Execution

FileOfRun: TypeAlias = tuple[str, str]
"""The path of a file, and the phase run that wrote it."""


def _add(
    tx: Transaction,
    execution: Execution,
    kind: OutboxKind,
    key: str,
    *,
    checkpoint_id: str | None = None,
    payload: Mapping[str, object] | None = None,
) -> None:
    """Add a message, unless the execution has no channel in Slack."""
    if execution.channel is None:
        return
    tx.add_message(
        {
            "key": key,
            "kind": kind.value,
            "execution_id": execution.id,
            "checkpoint_id": checkpoint_id,
            "payload": dict(payload or {}),
            "state": OutboxState.QUEUED,
            "channel": execution.channel,
            "created_at": tx.now,
        }
    )


def add_root(tx: Transaction, execution: Execution) -> None:
    _add(tx, execution, OutboxKind.ROOT, f"root:{execution.id}")


def refresh_root(tx: Transaction, execution: Execution) -> None:
    if execution.channel is not None:
        tx.refresh_message(f"root:{execution.id}")


def add_checkpoint(
    tx: Transaction, execution: Execution, checkpoint_id: str, *, files: Sequence[FileOfRun] = ()
) -> None:
    """Add a checkpoint's output, the rest of it, its card, and these files of its phase."""
    for kind in (OutboxKind.OUTPUT, OutboxKind.WHOLE, OutboxKind.CHECKPOINT):
        key = f"{kind.value}:{checkpoint_id}"
        _add(tx, execution, kind, key, checkpoint_id=checkpoint_id)
    _add_files(tx, execution, files, of=checkpoint_id, checkpoint_id=checkpoint_id)


def _add_files(
    tx: Transaction,
    execution: Execution,
    files: Sequence[FileOfRun],
    *,
    of: str,
    checkpoint_id: str | None = None,
) -> None:
    for number, (path, run_id) in enumerate(files, start=1):
        _add(
            tx,
            execution,
            OutboxKind.FILE,
            f"{OutboxKind.FILE.value}:{of}:{number}",
            checkpoint_id=checkpoint_id,
            payload={"path": path, "run": run_id},
        )


def refresh_checkpoint(tx: Transaction, execution: Execution, checkpoint_id: str) -> None:
    if execution.channel is not None:
        tx.refresh_message(f"checkpoint:{checkpoint_id}")


def add_reminders(tx: Transaction, due: Sequence[tuple[Execution, str, str]]) -> None:
    """Add reminders of (execution, checkpoint id, `half` or `last`), each once."""
    by_key = {
        f"reminder:{checkpoint}:{which}": (execution, checkpoint, which)
        for execution, checkpoint, which in due
    }
    existing = sql.execute(
        tx.connection, message_statements.EXISTING_MESSAGES, {"of_keys": [*by_key]}
    )
    for key in by_key.keys() - set(existing.scalars()):
        execution, checkpoint, which = by_key[key]
        payload = {"which": which}
        _add(tx, execution, OutboxKind.REMINDER, key, checkpoint_id=checkpoint, payload=payload)


def add_final(tx: Transaction, execution: Execution, *, files: Sequence[FileOfRun] = ()) -> None:
    for kind in (OutboxKind.FINAL, OutboxKind.FILE):
        _add(tx, execution, kind, f"{kind.value}:{execution.id}")
    _add_files(tx, execution, files, of=execution.id)


def add_event_notice(
    tx: Transaction, execution: Execution, payload: Mapping[str, object], *, key: str
) -> None:
    """Add a notice in the thread about an event that nobody in the thread caused."""
    _add(tx, execution, OutboxKind.NOTICE, f"notice:{execution.id}:{key}", payload=payload)


def add_notice(tx: Transaction, execution_id: str, *, text: str, key: str) -> None:
    """Add a text to the thread, once for each key."""
    execution = find_execution(tx.connection, execution_id)
    of_key = {"of_key": f"notice:{execution.id}:{key}"}
    if sql.execute(tx.connection, message_statements.MESSAGE_EXISTS, of_key).first() is None:
        add_event_notice(tx, execution, {"text": text}, key=key)
