"""Standard names for leases, rate limits, priorities, versions and audit details."""

import sqlalchemy as sa
from alembic import op

revision = "2.0007"
down_revision = "0006"
branch_labels = None
depends_on = None

RENAMED = {
    "outbox": {
        "held_by": "lease_owner",
        "held_until": "lease_until",
        "wanted": "version",
        "shown": "shown_version",
    },
    "phase_runs": {"turn": "priority"},
    "audit": {"facts": "details"},
}
IS_OPEN = "state = 'queued' OR state = 'running'"


def upgrade() -> None:
    for table, columns in RENAMED.items():
        for old, new in columns.items():
            op.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")
    op.drop_index("ix_phase_runs_turn", "phase_runs")
    op.create_index(
        "ix_phase_runs_priority",
        "phase_runs",
        ["priority", "seq"],
        sqlite_where=sa.text(IS_OPEN),
        postgresql_where=sa.text(IS_OPEN),
    )
    op.rename_table("paces", "rate_limits")
