"""What was learned about a crew when it was built, and whether a retry can help."""

import sqlalchemy as sa
from alembic import op

revision = "2.0008"
down_revision = "2.0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("crew_reports", sa.Column("examination", sa.Text))
    op.add_column(
        "executions",
        sa.Column("retry_helps", sa.Boolean, nullable=False, server_default=sa.true()),
    )
