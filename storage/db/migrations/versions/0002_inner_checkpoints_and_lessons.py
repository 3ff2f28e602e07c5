"""Checkpoints that arise inside a crew, lessons, and limits on starts."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "executions", sa.Column("requester_key", sa.String(100), nullable=False, server_default="")
    )
    op.create_index("ix_executions_crew_created_at", "executions", ["crew", "created_at"])
    op.add_column("phase_runs", sa.Column("lessons", sa.Text()))
    for column in (
        sa.Column("kind", sa.String(24), nullable=False, server_default="phase"),
        sa.Column("outcomes", sa.Text()),
        sa.Column("default_outcome", sa.String(200)),
        sa.Column("question_key", sa.String(64)),
        sa.Column("shown", sa.Text()),
        sa.Column("given_to", sa.Integer()),
        sa.Column("outcome", sa.String(200)),
    ):
        op.add_column("checkpoints", column)
    op.create_table(
        "lessons",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("crew", sa.String(100), nullable=False),
        sa.Column("checkpoint_id", sa.String(36), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["checkpoint_id"], ["checkpoints.id"], name="fk_lessons_checkpoint_id"
        ),
        sa.PrimaryKeyConstraint("seq", name="pk_lessons"),
        sa.UniqueConstraint("id", name="uq_lessons_id"),
        sa.UniqueConstraint("checkpoint_id", name="uq_lessons_checkpoint_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_lessons_crew", "lessons", ["crew"])
