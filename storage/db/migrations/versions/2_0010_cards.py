"""Summaries, forms and their values, edited outputs, the addresses of messages, and the Home.

Updates have an index for each of their priorities: cards without buttons, other cards, roots.
"""

import sqlalchemy as sa
from alembic import op

revision = "2.0010"
down_revision = "2.0009"
branch_labels = None
depends_on = None

_FILES_TO_WHOLE = """
    UPDATE outbox SET kind = 'whole', key = 'whole:' || checkpoint_id, payload = '{"needed": true}'
    WHERE kind = 'file' AND key = 'file:' || checkpoint_id AND state <> 'posted'
    AND state <> 'failed'
"""
"""Cards that are not armed yet show less of the output than before, so they wait for the file."""


def upgrade() -> None:
    op.add_column("checkpoints", sa.Column("summary", sa.Text, nullable=False, server_default=""))
    op.add_column("checkpoints", sa.Column("form", sa.Text))
    op.add_column("checkpoints", sa.Column("form_values", sa.Text))
    op.add_column("checkpoints", sa.Column("means", sa.String(24)))
    op.add_column(
        "revise_intents", sa.Column("means", sa.String(24), nullable=False, server_default="run")
    )
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
    op.execute(_FILES_TO_WHOLE)
    op.drop_index("ix_outbox_to_update", "outbox")
    for name, which in (
        ("ix_outbox_to_arm", "kind <> 'root' AND shown_version = 0"),
        ("ix_outbox_to_update", "kind <> 'root' AND shown_version > 0"),
        ("ix_outbox_roots_to_update", "kind = 'root'"),
    ):
        condition = sa.text(f"state = 'posted' AND shown_version < version AND {which}")
        op.create_index(name, "outbox", ["seq"], sqlite_where=condition, postgresql_where=condition)
