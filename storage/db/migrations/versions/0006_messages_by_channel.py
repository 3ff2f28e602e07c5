"""Indexes of messages to post by channel, and of messages to update."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, columns, where in (
        ("ix_outbox_to_post", ["channel", "seq"], "state != 'posted' AND state != 'failed'"),
        ("ix_outbox_to_update", ["seq"], "state = 'posted' AND shown < wanted"),
    ):
        chosen = sa.text(where)
        op.create_index(name, "outbox", columns, sqlite_where=chosen, postgresql_where=chosen)
