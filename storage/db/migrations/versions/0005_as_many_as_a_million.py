"""Partial indexes, so that frequent queries cost the same with a million ended executions."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_executions_state_created_at", "executions")
    op.create_index("ix_executions_channel_created_at", "executions", ["channel", "created_at"])
    active = "state = 'pending' OR state = 'running' OR state = 'waiting_feedback'"
    for name, table, columns, where in (
        (
            "ix_executions_open",
            "executions",
            ["channel", "created_at"],
            f"{active} OR state = 'error'",
        ),
        ("ix_executions_active", "executions", ["crew", "requester_key", "state"], active),
        ("ix_outbox_moved", "outbox", ["channel", "ts"], "moved = 1"),
    ):
        chosen = sa.text(where)
        op.create_index(name, table, columns, sqlite_where=chosen, postgresql_where=chosen)
