"""API tokens, idempotency keys, webhooks, and the hash chain of the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "2.0011"
down_revision = "2.0010"
branch_labels = None
depends_on = None

AUDIT_SKELETON = ("seq", "at", "execution_id", "event", "digest", "hash")
"""The columns of the audit log that can never change."""


APPEND_TO_AUDIT = """
CREATE FUNCTION audit_append(new_rows json) RETURNS integer LANGUAGE plpgsql AS $$
-- storage/audit_chain.py says what a hash covers. The head is locked until the commit.
DECLARE
    head audit_chain%ROWTYPE;
    new record;
    new_seq integer;
BEGIN
    SELECT * INTO head FROM audit_chain WHERE name = 'audit' FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO audit_chain (name, first_seq, last_seq, length, hash)
        VALUES ('audit', 0, 0, 0, repeat('0', 64)) ON CONFLICT DO NOTHING;
        SELECT * INTO STRICT head FROM audit_chain WHERE name = 'audit' FOR UPDATE;
    END IF;
    FOR new IN
        SELECT * FROM json_to_recordset(new_rows) AS each (
            at text, execution_id text, event text, actor text, details text, salt text,
            digest text
        )
    LOOP
        new_seq := nextval('audit_seq_seq');
        head.hash := encode(sha256(convert_to(
            '["' || head.hash || '",' || new_seq || ',"' || new.at || '","' || new.execution_id
            || '","' || new.event || '","' || new.digest || '"]', 'UTF8')), 'hex');
        INSERT INTO audit (seq, at, execution_id, event, actor, details, salt, digest, hash)
        VALUES (
            new_seq, new.at::timestamptz, new.execution_id, new.event, new.actor, new.details,
            new.salt, new.digest, head.hash
        );
        IF head.length = 0 THEN
            head.first_seq := new_seq;
        END IF;
        head.last_seq := new_seq;
        head.length := head.length + 1;
    END LOOP;
    UPDATE audit_chain
    SET first_seq = head.first_seq, last_seq = head.last_seq, length = head.length,
        hash = head.hash
    WHERE name = 'audit';
    RETURN head.length;
END $$
"""


def upgrade() -> None:
    ended = sa.text("state = 'cancelled' OR state = 'completed' OR state = 'stopped'")
    op.create_index(
        "ix_executions_ended",
        "executions",
        ["state"],
        sqlite_where=ended,
        postgresql_where=ended,
    )
    _audit_chain()
    _tokens()
    _webhooks()


def _audit_chain() -> None:
    op.add_column("audit", sa.Column("salt", sa.String(32)))
    op.add_column("audit", sa.Column("digest", sa.String(64)))
    op.add_column("audit", sa.Column("hash", sa.String(64)))
    op.create_table(
        "audit_chain",
        sa.Column("name", sa.String(16), nullable=False),
        sa.Column("first_seq", sa.Integer, nullable=False),
        sa.Column("last_seq", sa.Integer, nullable=False),
        sa.Column("length", sa.Integer, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_audit_chain"),
    )
    _let_rows_be_emptied()
    if op.get_bind().dialect.name == "postgresql":
        op.execute(APPEND_TO_AUDIT)


def _let_rows_be_emptied() -> None:
    """Let the actor and the details of a row be emptied, if all else stays as it is."""
    if op.get_bind().dialect.name == "sqlite":
        same = " AND ".join(f"NEW.{name} IS OLD.{name}" for name in AUDIT_SKELETON)
        op.execute("DROP TRIGGER audit_no_update")
        op.execute(
            "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit WHEN NOT ("
            "OLD.event IS NOT 'audit.redacted' AND NEW.actor IS NULL AND NEW.details IS '{}' "
            f"AND NEW.salt IS NULL AND {same}) "
            "BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END"
        )
        return
    emptied = "ARRAY['actor', 'details', 'salt']"
    op.execute(
        "CREATE OR REPLACE FUNCTION audit_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN IF TG_OP = 'UPDATE' THEN IF OLD.event IS DISTINCT FROM 'audit.redacted' "
        "AND NEW.actor IS NULL AND NEW.details = '{}' AND NEW.salt IS NULL "
        f"AND to_jsonb(NEW) - {emptied} = to_jsonb(OLD) - {emptied} THEN RETURN NEW; END IF; "
        "END IF; RAISE EXCEPTION 'the audit log only grows'; END $$"
    )


def _tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("label", sa.Text, nullable=False, server_default=""),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("person", sa.String(64)),
        sa.Column("parent", sa.String(36)),
        sa.Column("subject", sa.String(64)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("prefix", name="uq_tokens_prefix"),
    )
    op.create_index("ix_tokens_kind_created_at", "tokens", ["kind", "created_at"])
    op.create_index("ix_tokens_expires_at", "tokens", ["expires_at"])
    op.create_table(
        "idempotency_keys",
        sa.Column("caller", sa.String(64), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("request_hash", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True)),
        sa.Column("status", sa.Integer),
        sa.Column("headers", sa.Text),
        sa.Column("body", sa.Text),
        sa.PrimaryKeyConstraint("caller", "key", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])


def _webhooks() -> None:
    op.add_column(
        "executions",
        sa.Column("has_webhooks", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("execution_id", sa.String(36), nullable=False),
        sa.Column("format", sa.String(24), nullable=False),
        sa.Column("purpose", sa.String(24), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("host", sa.String(300), nullable=False),
        sa.Column("secrets", sa.Text),
        sa.Column("crew", sa.String(100)),
        sa.Column("context", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("off_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["executions.id"], name="fk_webhooks_execution_id"
        ),
    )
    op.create_index("ix_webhooks_execution_id", "webhooks", ["execution_id"])
    op.create_table(
        "webhook_deliveries",
        sa.Column("seq", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("webhook_id", sa.String(36), nullable=False),
        sa.Column("execution_id", sa.String(36), nullable=False),
        sa.Column("host", sa.String(300), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("body", sa.Text),
        sa.Column("state", sa.String(24), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("give_up_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_owner", sa.String(200)),
        sa.Column("delivered_at", sa.DateTime(timezone=True)),
        sa.Column("last_status", sa.Integer),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("seq", name="pk_webhook_deliveries"),
        sa.UniqueConstraint("id", name="uq_webhook_deliveries_id"),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name="fk_webhook_deliveries_webhook_id"
        ),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["executions.id"], name="fk_webhook_deliveries_execution_id"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_webhook_deliveries_webhook_id_seq", "webhook_deliveries", ["webhook_id", "seq"]
    )
    op.create_index("ix_webhook_deliveries_execution_id", "webhook_deliveries", ["execution_id"])
    for name, columns, state in (
        ("queued", ["host", "not_before"], "queued"),
        ("oldest", ["created_at"], "queued"),
        ("dead", ["seq"], "dead"),
    ):
        where = sa.text(f"state = '{state}'")
        op.create_index(
            f"ix_webhook_deliveries_{name}",
            "webhook_deliveries",
            columns,
            sqlite_where=where,
            postgresql_where=where,
        )
