"""The tables. Migrations create them; docs/architecture.md describes them."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    and_,
    false,
    literal_column,
    or_,
    true,
)

import storage.db.api_tables  # noqa: F401  # so that `metadata` has all tables
from storage.db.columns import Encoded, EnumText, FreeText, UtcDateTime
from storage.db.metadata import Details, Form, Id, Names, Values, is_state, metadata
from storage.definitions import CrewDefinition, DecisionRule, Examination, Json
from storage.messages import OutboxKind, OutboxState
from storage.records import Actor, CheckpointKind, PhaseOutput, Request, RevisionMeans, Usage
from storage.states import ACTIVE, ENDED, CheckpointState, ExecutionState, PhaseRunState

executions = Table(
    "executions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("crew", String(100), nullable=False),
    Column("definition", Encoded[CrewDefinition](CrewDefinition, cached=True), nullable=False),
    Column("state", EnumText(ExecutionState), nullable=False),
    Column("version", Integer, nullable=False),
    Column("request", Encoded[Request](Request), nullable=False),
    Column("requester", Encoded[Actor](Actor, cached=True), nullable=False),
    Column("requester_key", String(100), nullable=False, server_default=""),
    Column("channel", String(64)),
    Column("thread_ts", String(32)),
    Column("phases", Encoded[Names](Names, cached=True), nullable=False),
    Column("left_out", Encoded[Names](Names, cached=True), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("ended_by", Encoded[Actor](Actor, cached=True)),
    Column("result", Encoded[PhaseOutput](PhaseOutput)),
    Column("error", FreeText),
    Column("retry_helps", Boolean, nullable=False, server_default=true()),
    Column("has_webhooks", Boolean, nullable=False, server_default=false()),
    Index(None, "channel", "thread_ts"),
    Index(None, "channel", "created_at"),
    Index(None, "crew", "created_at"),
    Index(None, "created_at"),
)

EXECUTION_IS_ACTIVE = or_(
    *(is_state(executions.c.state, state) for state in ExecutionState if state in ACTIVE)
)
EXECUTION_IS_OPEN = or_(EXECUTION_IS_ACTIVE, is_state(executions.c.state, ExecutionState.ERROR))
EXECUTION_HAS_ENDED = or_(*(is_state(executions.c.state, state) for state in sorted(ENDED)))
Index(
    "ix_executions_ended",  # for monitoring, which counts them
    executions.c.state,
    sqlite_where=EXECUTION_HAS_ENDED,
    postgresql_where=EXECUTION_HAS_ENDED,
)
Index(
    "ix_executions_active",
    executions.c.crew,
    executions.c.requester_key,
    executions.c.state,
    sqlite_where=EXECUTION_IS_ACTIVE,
    postgresql_where=EXECUTION_IS_ACTIVE,
)
Index("ix_executions_requester", executions.c.requester_key, executions.c.created_at)
Index(
    "ix_executions_open",
    executions.c.channel,
    executions.c.created_at,
    sqlite_where=EXECUTION_IS_OPEN,
    postgresql_where=EXECUTION_IS_OPEN,
)

phase_runs = Table(
    "phase_runs",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", Id, nullable=False, unique=True),
    Column("execution_id", Id, ForeignKey("executions.id"), nullable=False),
    Column("phase", String(200), nullable=False),
    Column("phase_index", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("state", EnumText(PhaseRunState), nullable=False),
    Column("fence", Integer, nullable=False, default=0),
    Column("losses", Integer, nullable=False, default=0),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("not_before", UtcDateTime),
    Column("lease_owner", String(200)),
    Column("lease_until", UtcDateTime),
    Column("feedback", FreeText, nullable=False, default=""),
    Column("revise_tasks", Encoded[Names](Names, cached=True), nullable=False),
    Column("output", Encoded[PhaseOutput](PhaseOutput)),
    Column("progress", Encoded[Details](dict[str, object], absent={})),
    Column("lessons", Encoded[Names](Names)),
    Column("error", FreeText),
    Column("usage", Encoded[Usage](Usage, absent={})),
    Column("priority", Integer, nullable=False, server_default="1"),  # 0: a person waits for it
    Index(None, "execution_id", "seq"),
    sqlite_autoincrement=True,
)

RUN_IS_QUEUED = is_state(phase_runs.c.state, PhaseRunState.QUEUED)
RUN_IS_RUNNING = is_state(phase_runs.c.state, PhaseRunState.RUNNING)
RUN_IS_DONE = is_state(phase_runs.c.state, PhaseRunState.DONE)
RUN_IS_OPEN = or_(RUN_IS_QUEUED, RUN_IS_RUNNING)
Index(
    "ix_phase_runs_done",
    phase_runs.c.phase,
    phase_runs.c.seq,
    sqlite_where=RUN_IS_DONE,
    postgresql_where=RUN_IS_DONE,
)
Index(
    "ix_phase_runs_open", phase_runs.c.seq, sqlite_where=RUN_IS_OPEN, postgresql_where=RUN_IS_OPEN
)
Index(
    "ix_phase_runs_priority",
    phase_runs.c.priority,
    phase_runs.c.seq,
    sqlite_where=RUN_IS_OPEN,
    postgresql_where=RUN_IS_OPEN,
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", Id, nullable=False, unique=True),
    Column("execution_id", Id, ForeignKey("executions.id"), nullable=False),
    Column("phase_run_id", Id, ForeignKey("phase_runs.id"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("description", FreeText, nullable=False),
    Column("state", EnumText(CheckpointState), nullable=False),
    Column("rule", Encoded[DecisionRule](DecisionRule, cached=True), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("deadline", UtcDateTime),
    Column("remind_at", UtcDateTime),
    Column("asked", FreeText, nullable=False, default=""),
    Column("asked_by", Encoded[Actor](Actor, cached=True)),
    Column("kind", EnumText(CheckpointKind), nullable=False, server_default="phase"),
    Column("outcomes", Encoded[Names](Names)),
    Column("default_outcome", String(200)),
    Column("question_key", String(64)),
    Column("shown", Encoded[PhaseOutput](PhaseOutput)),
    Column("given_to", Integer),
    Column("message_channel", String(64)),
    Column("message_ts", String(32)),
    Column("summary", FreeText, nullable=False, server_default=""),
    Column("form", Encoded[Form](Form, cached=True)),
    Column("outcome", String(200)),
    Column("form_values", Encoded[Values](dict[str, Json])),
    Column("means", EnumText(RevisionMeans)),
    Column("action", String(24)),
    Column("text", FreeText),
    Column("tasks", Encoded[Names](Names, cached=True)),
    Column("actor", Encoded[Actor](Actor, cached=True)),
    Column("decided_at", UtcDateTime),
    Column("delivery", String(200)),
    Index(None, "execution_id", "seq"),
    Index(None, "phase_run_id"),  # for the foreign key, when phase runs are deleted
    sqlite_autoincrement=True,
)

CHECKPOINT_IS_PENDING = is_state(checkpoints.c.state, CheckpointState.PENDING)
CHECKPOINT_IS_DECIDED = checkpoints.c.decided_at.is_not(None)
Index(
    "ix_checkpoints_decided",
    checkpoints.c.decided_at,
    sqlite_where=CHECKPOINT_IS_DECIDED,
    postgresql_where=CHECKPOINT_IS_DECIDED,
)
Index(
    "uq_checkpoints_one_pending",
    checkpoints.c.execution_id,
    unique=True,
    sqlite_where=CHECKPOINT_IS_PENDING,
    postgresql_where=CHECKPOINT_IS_PENDING,
)
Index(
    "ix_checkpoints_due",
    checkpoints.c.deadline,
    sqlite_where=CHECKPOINT_IS_PENDING,
    postgresql_where=CHECKPOINT_IS_PENDING,
)
Index(
    "ix_checkpoints_remind",
    checkpoints.c.remind_at,
    sqlite_where=CHECKPOINT_IS_PENDING,
    postgresql_where=CHECKPOINT_IS_PENDING,
)

revise_intents = Table(
    "revise_intents",
    metadata,
    Column("checkpoint_id", Id, ForeignKey("checkpoints.id"), primary_key=True),
    Column("actor_id", String(64), primary_key=True),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("means", String(24), nullable=False, server_default="run"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("key", String(200), nullable=False, unique=True),
    Column("kind", String(24), nullable=False),
    Column("execution_id", Id, ForeignKey("executions.id"), nullable=False),
    Column("checkpoint_id", Id),
    Column("payload", Encoded[Details](dict[str, object]), nullable=False),
    Column("state", EnumText(OutboxState), nullable=False),
    Column("channel", String(64), nullable=False),
    Column("moved_thread_ts", String(32)),
    Column("moved", Integer, nullable=False, default=0),
    Column("ts", String(32)),
    Column("permalink", FreeText),
    Column("generation", Integer, nullable=False, default=1),
    Column("version", Integer, nullable=False, default=1),
    Column("shown_version", Integer, nullable=False, default=0),
    Column("attempts", Integer, nullable=False, default=0),
    Column("created_at", UtcDateTime, nullable=False),
    Column("sent_at", UtcDateTime),
    Column("not_before", UtcDateTime),
    Column("lease_owner", String(200)),
    Column("lease_until", UtcDateTime),
    Column("error", FreeText),
    Index(None, "execution_id", "seq"),
    sqlite_autoincrement=True,
)

# Negated: otherwise PostgreSQL would use ix_outbox_to_do and read all that is to be done.
OUTBOX_TO_POST = and_(
    outbox.c.state != literal_column(f"'{OutboxState.POSTED.value}'"),
    outbox.c.state != literal_column(f"'{OutboxState.FAILED.value}'"),
)
OUTBOX_TO_UPDATE = and_(
    is_state(outbox.c.state, OutboxState.POSTED), outbox.c.shown_version < outbox.c.version
)
OUTBOX_IS_ROOT = is_state(outbox.c.kind, OutboxKind.ROOT)
# As it stands in the index: PostgreSQL compares the conditions of queries and indexes.
OUTBOX_IS_NO_ROOT = outbox.c.kind != literal_column(f"'{OutboxKind.ROOT.value}'")
# Both conditions stand in an index, so that neither priority is sorted or read for the other.
OUTBOX_HAS_NO_BUTTONS = outbox.c.shown_version == literal_column("0")
OUTBOX_HAS_BUTTONS = outbox.c.shown_version > literal_column("0")
OUTBOX_TO_DO = or_(
    is_state(outbox.c.state, OutboxState.QUEUED),
    is_state(outbox.c.state, OutboxState.SENDING),
    OUTBOX_TO_UPDATE,
)
OUTBOX_IS_MOVED = outbox.c.moved == literal_column("1")
Index(
    "ix_outbox_moved",
    outbox.c.channel,
    outbox.c.ts,
    sqlite_where=OUTBOX_IS_MOVED,
    postgresql_where=OUTBOX_IS_MOVED,
)
Index(
    "ix_outbox_to_post",
    outbox.c.channel,
    outbox.c.seq,
    sqlite_where=OUTBOX_TO_POST,
    postgresql_where=OUTBOX_TO_POST,
)
for _name, _which in (
    ("ix_outbox_to_arm", and_(OUTBOX_IS_NO_ROOT, OUTBOX_HAS_NO_BUTTONS)),
    ("ix_outbox_to_update", and_(OUTBOX_IS_NO_ROOT, OUTBOX_HAS_BUTTONS)),
    ("ix_outbox_roots_to_update", OUTBOX_IS_ROOT),
):
    _where = and_(OUTBOX_TO_UPDATE, _which)
    Index(_name, outbox.c.seq, sqlite_where=_where, postgresql_where=_where)
Index("ix_outbox_to_do", outbox.c.seq, sqlite_where=OUTBOX_TO_DO, postgresql_where=OUTBOX_TO_DO)

rate_limits = Table(
    "rate_limits",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("free_at", UtcDateTime, nullable=False),
)

inbox = Table(
    "inbox",
    metadata,
    Column("key", String(300), primary_key=True),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("execution_id", Id),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("execution_id", Id, nullable=False, index=True),
    Column("event", String(40), nullable=False),
    Column("actor", Encoded[Actor](Actor, cached=True)),
    Column("details", Encoded[Details](dict[str, object]), nullable=False),
    Column("salt", String(32)),  # of the digest; emptied with the actor and the details
    Column("digest", String(64)),  # of the actor and the details; NULL before the chain began
    Column("hash", String(64)),  # of the row before it, and of this one
    sqlite_autoincrement=True,
)

audit_chain = Table(
    "audit_chain",
    metadata,
    Column("name", String(16), primary_key=True),  # one row: "audit"
    Column("first_seq", Integer, nullable=False),
    Column("last_seq", Integer, nullable=False),
    Column("length", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
)

lessons = Table(
    "lessons",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", Id, nullable=False, unique=True),
    Column("crew", String(100), nullable=False, index=True),
    Column("checkpoint_id", Id, ForeignKey("checkpoints.id"), nullable=False, unique=True),
    Column("text", FreeText, nullable=False),
    Column("by", Encoded[Actor](Actor), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("deleted_at", UtcDateTime),
    sqlite_autoincrement=True,
)

crew_reports = Table(
    "crew_reports",
    metadata,
    Column("crew", String(100), primary_key=True),
    Column("problem", FreeText),
    Column("phases", Encoded[Names](Names, cached=True), nullable=False),
    Column("checked_at", UtcDateTime, nullable=False),
    Column("examination", Encoded[Examination](Examination, absent=Examination())),
)

files = Table(
    "files",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("execution_id", Id, ForeignKey("executions.id"), nullable=False, index=True),
    Column("phase_run_id", Id, ForeignKey("phase_runs.id"), nullable=False, index=True),
    Column("path", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("mode", Integer, nullable=False),
    Column("sha256", String(64)),  # NULL, like `content`: the phase deleted the file
    Column("content", LargeBinary),  # last: SQLite reads the columns before it without it
    sqlite_autoincrement=True,
)

publications = Table(
    "publications",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("execution_id", Id, ForeignKey("executions.id"), nullable=False, index=True),
    Column("phase_run_id", Id, ForeignKey("phase_runs.id"), nullable=False, unique=True),
    Column("project", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("not_before", UtcDateTime),
    Column("error", FreeText),
    Column("published_at", UtcDateTime),
    sqlite_autoincrement=True,
)

PUBLICATION_IS_WAITING = publications.c.published_at.is_(None)
Index(
    "ix_publications_waiting",
    publications.c.seq,
    sqlite_where=PUBLICATION_IS_WAITING,
    postgresql_where=PUBLICATION_IS_WAITING,
)
