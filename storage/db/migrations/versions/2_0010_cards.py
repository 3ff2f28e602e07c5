"""Summaries, forms and their values, edited outputs, the addresses of messages, and the Home."""

import sqlalchemy as sa
from alembic import op

revision = "2.0010"
down_revision = "2.0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("checkpoints", sa.Column("summary", sa.Text, nullable=False, server_default=""))
    op.add_column("checkpoints", sa.Column("form", sa.Text))
    op.add_column("checkpoints", sa.Column("form_values", sa.Text))
    op.add_column("checkpoints", sa.Column("means", sa.String(24)))
    op.add_column("outbox", sa.Column("permalink", sa.Text))
    op.create_index("ix_executions_requester", "executions", ["requester_key", "created_at"])
    decided = sa.text("decided_at IS NOT NULL")
    op.create_index(
        "ix_checkpoints_decided",
        "checkpoints",
        ["decided_at"],
        sqlite_where=decided,
        postgresql_where=decided,
    )
