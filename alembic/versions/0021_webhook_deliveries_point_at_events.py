"""webhook deliveries point at events

Revision: 0021, after 0020

Expands only: the previous release goes on with `payload` and `next_attempt_at`. It never claims a
delivery whose time stands in `due_at`, so it is never given one that has no payload.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from alembic import op

revision: str = "0021"
down_revision: str | None = "0020"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

IS_OPEN = sa.text("status IN ('pending', 'sending')")
DROP_AUDIT = """
DROP TRIGGER audit_insert ON webhooks;
DROP TRIGGER audit_delete ON webhooks;
DROP TRIGGER audit_update ON webhooks;
"""
BACKLOG = "backlog_since,backlog_transaction_id,backlog_event_id"
AUDIT = """
SELECT audit_table('webhooks', 'webhook', '{}', 'secret_sealed,old_secret_sealed')
"""
# What a payload shows of an event; a downgrade writes the payloads that were never written.
FIELDS = {
    "item": "id,created_at,updated_at,version,name,description,price,tax,tags,category_id,owner_id,"
    "processed_at",
    "post": "id,created_at,updated_at,version,title,author_id,published_at",
    "task": "id,created_at,updated_at,version,kind,owner_id,request_id,status,attempts,progress,"
    "result,error,finished_at",
}
WRITE_PAYLOADS = """
UPDATE webhook_deliveries AS delivery
SET payload = jsonb_build_object(
    'id', extract(epoch FROM event.created_at)::bigint || '-' || event.transaction_id || '-'
        || event.id,
    'type', event.type,
    'timestamp', event.created_at,
    'data', (
        SELECT jsonb_object_agg(key, value) FROM jsonb_each(event.data)
        WHERE key = ANY (string_to_array('{fields}', ','))
    )
)::text
FROM events AS event
WHERE delivery.payload IS NULL AND event.type LIKE '{kind}.%'
    AND event.transaction_id = delivery.event_transaction_id AND event.id = delivery.event_id
"""


def upgrade() -> None:
    op.add_column("event_readers", sa.Column("paged_event_id", sa.BigInteger()))
    op.add_column("event_readers", sa.Column("paged_webhook_id", sa.Uuid()))
    op.add_column("webhook_deliveries", sa.Column("event_transaction_id", sa.BigInteger()))
    op.add_column("webhook_deliveries", sa.Column("event_id", sa.BigInteger()))
    op.add_column("webhook_deliveries", sa.Column("due_at", sa.DateTime(timezone=True)))
    op.alter_column("webhook_deliveries", "payload", nullable=True)
    op.add_column("webhooks", sa.Column("backlog_since", sa.DateTime(timezone=True)))
    op.add_column("webhooks", sa.Column("backlog_transaction_id", sa.BigInteger()))
    op.add_column("webhooks", sa.Column("backlog_event_id", sa.BigInteger()))
    replace_audit(f"failing_since,{BACKLOG}")
    with op.get_context().autocommit_block():
        # A build that was interrupted leaves an invalid index behind.
        for name in ("ix_webhook_deliveries_due", "ix_webhooks_backlog_since"):
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        op.create_index(
            "ix_webhook_deliveries_due",
            "webhook_deliveries",
            ["webhook_id", sa.text("coalesce(due_at, next_attempt_at)"), "id"],
            postgresql_where=IS_OPEN,
            postgresql_concurrently=True,
        )
        op.create_index(
            "ix_webhooks_backlog_since",
            "webhooks",
            ["backlog_since"],
            postgresql_where=sa.text("backlog_since IS NOT NULL"),
            postgresql_concurrently=True,
        )


def replace_audit(ignored: str) -> None:
    for statement in DROP_AUDIT.strip().splitlines():
        op.execute(statement)
    op.execute(AUDIT.format(ignored))


def downgrade() -> None:
    for kind, fields in FIELDS.items():
        op.execute(WRITE_PAYLOADS.format(kind=kind, fields=fields))
    op.execute("DELETE FROM webhook_deliveries WHERE payload IS NULL")
    op.execute("UPDATE webhook_deliveries SET next_attempt_at = due_at WHERE due_at IS NOT NULL")
    op.drop_index("ix_webhooks_backlog_since", "webhooks")
    op.drop_index("ix_webhook_deliveries_due", "webhook_deliveries")
    replace_audit("failing_since")
    for name in BACKLOG.split(","):
        op.drop_column("webhooks", name)
    op.alter_column("webhook_deliveries", "payload", nullable=False)
    for name in ("due_at", "event_id", "event_transaction_id"):
        op.drop_column("webhook_deliveries", name)
    for name in ("paged_webhook_id", "paged_event_id"):
        op.drop_column("event_readers", name)
