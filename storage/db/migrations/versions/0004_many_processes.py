"""Shared rate limits, priorities of phase runs, and an index for deletions."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "paces",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("free_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_paces"),
    )
    op.add_column("phase_runs", sa.Column("turn", sa.Integer(), nullable=False, server_default="1"))
    is_open = sa.text("state = 'queued' OR state = 'running'")
    op.create_index(
        "ix_phase_runs_turn",
        "phase_runs",
        ["turn", "seq"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    op.create_index("ix_checkpoints_phase_run_id", "checkpoints", ["phase_run_id"])
