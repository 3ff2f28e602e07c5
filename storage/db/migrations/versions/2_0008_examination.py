"""What was learned about a crew when it was built."""

import sqlalchemy as sa
from alembic import op

revision = "2.0008"
down_revision = "2.0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("crew_reports", sa.Column("examination", sa.Text))
