"""The usage of each phase run, whether or not it produced an output."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("phase_runs", sa.Column("usage", sa.Text()))
    done = sa.text("state = 'done'")
    op.create_index(
        "ix_phase_runs_done",
        "phase_runs",
        ["phase", "seq"],
        sqlite_where=done,
        postgresql_where=done,
    )
