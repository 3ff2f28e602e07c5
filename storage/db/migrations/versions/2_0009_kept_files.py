"""Files that phases wrote, and their publication in the project's folder."""

import sqlalchemy as sa
from alembic import op

revision = "2.0009"
down_revision = "2.0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "files",
        sa.Column("seq", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("execution_id", sa.String(36), nullable=False),
        sa.Column("phase_run_id", sa.String(36), nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("mode", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String(64)),
        sa.Column("content", sa.LargeBinary),
        sa.PrimaryKeyConstraint("seq", name="pk_files"),
        sa.ForeignKeyConstraint(["execution_id"], ["executions.id"], "fk_files_execution_id"),
        sa.ForeignKeyConstraint(["phase_run_id"], ["phase_runs.id"], "fk_files_phase_run_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_files_execution_id", "files", ["execution_id"])
    op.create_index("ix_files_phase_run_id", "files", ["phase_run_id"])
    op.create_table(
        "publications",
        sa.Column("seq", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("execution_id", sa.String(36), nullable=False),
        sa.Column("phase_run_id", sa.String(36), nullable=False),
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True)),
        sa.Column("error", sa.Text),
        sa.Column("published_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("seq", name="pk_publications"),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["executions.id"], "fk_publications_execution_id"
        ),
        sa.ForeignKeyConstraint(
            ["phase_run_id"], ["phase_runs.id"], "fk_publications_phase_run_id"
        ),
        sa.UniqueConstraint("phase_run_id", name="uq_publications_phase_run_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_publications_execution_id", "publications", ["execution_id"])
    is_waiting = sa.text("published_at IS NULL")
    op.create_index(
        "ix_publications_waiting",
        "publications",
        ["seq"],
        sqlite_where=is_waiting,
        postgresql_where=is_waiting,
    )
