"""Executions as JSON: with their phases, checkpoints, decisions, files and audit rows.

Left out: what only the bot needs to go on (the runner's own state, leases, the crew's settings with
its environment), the contents of files, and all tokens, webhooks and their secrets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Select,
    Table,
    bindparam,
    exists,
    select,
    tuple_,
)

from storage.audit_chain import in_utc
from storage.db import sql
from storage.db.audit import STORED
from storage.db.database import reading
from storage.db.tables import audit, checkpoints, executions, files, lessons, phase_runs
from storage.errors import UnknownExecution
from storage.records import PhaseOutput
from storage.usage import total

Json = dict[str, Any]

EXECUTIONS_AT_ONCE: Final = 100

_JSON: Final = TypeAdapter[Any](Any)
_OUTPUTS: Final = TypeAdapter(PhaseOutput)
_OUTPUT: Final[Any] = {
    "output": True,
    "revised": True,
    "files": True,
    "tasks": {"__all__": {"task", "agent", "output", "structured", "edited"}},
    "pause": {"gate", "message", "outcomes", "default_outcome", "at"},
}
"""An output without `saved`, the runner's own state."""

_WITHOUT: Final = {
    "executions": ("definition", "requester_key", "version", "retry_helps", "has_webhooks"),
    "phase_runs": ("fence", "losses", "lease_owner", "lease_until", "priority", "progress"),
    "checkpoints": ("question_key", "given_to", "delivery", "remind_at"),
    "files": ("content",),
}
_RENAMED: Final = {("executions", "id"): "execution_id", ("executions", "state"): "status"}
_DECISION: Final = (
    "action",
    "text",
    "actor",
    "decided_at",
    "tasks",
    "outcome",
    "form_values",
    "means",
)


def _columns(table: Table) -> list[Column[Any]]:
    return [each for each in table.c if each.name not in _WITHOUT.get(table.name, ())]


def _of_execution(table: Table) -> Select[Any]:
    query = select(*_columns(table)).where(table.c.execution_id == bindparam("of_execution"))
    return query.order_by(table.c.seq)


_EXECUTION: Final = select(*_columns(executions)).where(
    executions.c.id == bindparam("of_execution")
)
_RUNS: Final = _of_execution(phase_runs)
_CHECKPOINTS: Final = _of_execution(checkpoints)
_FILES: Final = _of_execution(files)
_LESSONS: Final[Select[Any]] = (
    select(lessons)
    .join(checkpoints, checkpoints.c.id == lessons.c.checkpoint_id)
    .where(checkpoints.c.execution_id == bindparam("of_execution"))
    .order_by(lessons.c.seq)
)
_AUDIT: Final[Select[Any]] = (
    select(
        audit.c.seq,
        audit.c.at,
        audit.c.event,
        audit.c.actor,
        audit.c.details,
        audit.c.salt,
        audit.c.digest,
        audit.c.hash,
    )
    .where(audit.c.execution_id == bindparam("of_execution"))
    .order_by(audit.c.seq)
)

_FIRST: Final = (
    select(executions.c.created_at, executions.c.id)
    .order_by(executions.c.created_at, executions.c.id)
    .limit(EXECUTIONS_AT_ONCE)
)
_NEXT: Final = _FIRST.where(
    tuple_(executions.c.created_at, executions.c.id)
    > tuple_(bindparam("of_created_at", type_=executions.c.created_at.type), bindparam("of_id"))
)

_GONE: Final = (
    select(STORED.c.execution_id)
    .distinct()
    .where(~exists().where(executions.c.id == STORED.c.execution_id))
    .order_by(STORED.c.execution_id)
    .limit(EXECUTIONS_AT_ONCE)
)
_GONE_NEXT: Final = _GONE.where(STORED.c.execution_id > bindparam("of_id"))
"""Executions that were deleted, of which the audit log still has rows. The empty id stands for what
belongs to none."""


def export_one(engine: Engine, execution_id: str) -> Json:
    """Return an execution; of one that was deleted, its audit rows. Raises UnknownExecution."""
    with reading(engine) as connection:
        return _exported(connection, execution_id)


def export_all(engine: Engine) -> Iterator[Json]:
    """Yield all executions, the oldest first, then the audit rows of those that were deleted.

    Each is as it was at one moment, but not all at the same.
    """
    for execution_id in _ids(engine):
        try:
            yield export_one(engine, execution_id)
        except UnknownExecution:
            continue  # deleted meanwhile, when the log kept nothing of it


def _ids(engine: Engine) -> Iterator[str]:
    rows = _rows(engine, _FIRST, {})
    while rows:
        yield from (row.id for row in rows)
        last = {"of_created_at": rows[-1].created_at, "of_id": rows[-1].id}
        rows = _rows(engine, _NEXT, last)
    gone = _rows(engine, _GONE, {})
    while gone:
        yield from (row.execution_id for row in gone)
        gone = _rows(engine, _GONE_NEXT, {"of_id": gone[-1].execution_id})


def _rows(engine: Engine, query: Select[Any], values: Mapping[str, object]) -> Sequence[Any]:
    with reading(engine) as connection:
        return sql.execute(connection, query, values).rows


def _exported(connection: Connection, execution_id: str) -> Json:
    of_execution = {"of_execution": execution_id}

    def rows(query: Select[Any]) -> Sequence[Any]:
        return sql.execute(connection, query, of_execution).rows

    audit_rows = [_json(row._asdict() | {"at": in_utc(row.at)}) for row in rows(_AUDIT)]
    row = next(iter(rows(_EXECUTION)), None)
    if row is None:
        if not audit_rows:
            raise UnknownExecution(execution_id)
        return {"execution_id": execution_id, "deleted": True, "audit": audit_rows}
    runs = rows(_RUNS)
    return {
        **_named("executions", row),
        "usage": _json(total([each.usage for each in runs])),
        "phase_runs": [_named("phase_runs", each) for each in runs],
        "checkpoints": [_checkpoint(each) for each in rows(_CHECKPOINTS)],
        "files": [_named("files", each) for each in rows(_FILES)],
        "lessons": [_named("lessons", each) for each in rows(_LESSONS)],
        "audit": audit_rows,
    }


def _named(table: str, row: Any) -> Json:
    return {
        _RENAMED.get((table, name), name): _json(value) for name, value in row._asdict().items()
    }


def _checkpoint(row: Any) -> Json:
    exported = _named("checkpoints", row)
    decision = {name: exported.pop(name) for name in _DECISION}
    exported["decision"] = decision if decision["decided_at"] is not None else None
    return exported


def _json(value: object) -> Any:
    if isinstance(value, PhaseOutput):
        return _OUTPUTS.dump_python(value, mode="json", include=_OUTPUT)
    return _JSON.dump_python(value, mode="json")
