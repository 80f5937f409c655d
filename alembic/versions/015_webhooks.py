"""Webhooks: URLs that receive events, and the queue of their deliveries."""

import sqlalchemy as sa

from alembic import op
from app.db.migrations import record_changes

revision: str = "015_webhooks"
down_revision: str | None = "014_rooms"
feature = "webhooks"

TIMESTAMP = sa.DateTime(timezone=True)
NOW = sa.text("now()")
IS_OPEN = sa.text("status IN ('pending', 'sending')")


def upgrade() -> None:
    create_webhooks()
    create_deliveries()
    # The progress of deliveries is no change of the webhook.
    record_changes(
        "webhooks",
        "webhook",
        ignored="failing_since,backlog_since,backlog_transaction_id,backlog_event_id",
        redacted="secret_encrypted,old_secret_encrypted",
    )


def create_webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.String(length=2048), nullable=False),
        sa.Column("events", sa.ARRAY(sa.String(length=30)), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.String(length=30)), nullable=False),
        sa.Column("description", sa.String(length=200), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("failing_since", TIMESTAMP, nullable=True),
        sa.Column("secret_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("old_secret_encrypted", sa.LargeBinary(), nullable=True),
        sa.Column("overlap_until", TIMESTAMP, nullable=True),
        sa.Column("updated_at", TIMESTAMP, server_default=NOW, nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIMESTAMP, server_default=NOW, nullable=False),
        sa.Column("disabled_reason", sa.String(length=30), nullable=True),
        sa.Column("backlog_since", TIMESTAMP, nullable=True),
        sa.Column("backlog_transaction_id", sa.BigInteger(), nullable=True),
        sa.Column("backlog_event_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_webhooks_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_index("ix_webhooks_owner_id", "webhooks", ["owner_id", "created_at", "id"])
    op.create_index("ix_webhooks_created_at", "webhooks", ["created_at", "id"])
    op.create_index(
        "ix_webhooks_backlog_since",
        "webhooks",
        ["backlog_since"],
        postgresql_where=sa.text("backlog_since IS NOT NULL"),
    )


def create_deliveries() -> None:
    statuses = ("pending", "sending", "succeeded", "failed")
    status = sa.Enum(
        *statuses, name="deliverystatus", native_enum=False, create_constraint=True, length=30
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column("event_type", sa.String(length=30), nullable=False),
        sa.Column("payload", sa.Text(), nullable=True),
        sa.Column("status", status, server_default="pending", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", TIMESTAMP, nullable=True),
        sa.Column("last_attempt_at", TIMESTAMP, nullable=True),
        sa.Column("response_status", sa.Integer(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(length=50), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIMESTAMP, server_default=NOW, nullable=False),
        sa.Column("event_transaction_id", sa.BigInteger(), nullable=True),
        sa.Column("event_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["webhook_id"],
            ["webhooks.id"],
            name=op.f("fk_webhook_deliveries_webhook_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
    )
    create_delivery_indexes()


def create_delivery_indexes() -> None:
    op.create_index("ix_webhook_deliveries_created_at", "webhook_deliveries", ["created_at"])
    op.create_index(
        "ix_webhook_deliveries_webhook_id", "webhook_deliveries", ["webhook_id", "created_at", "id"]
    )
    op.create_index(
        "ix_webhook_deliveries_open",
        "webhook_deliveries",
        ["webhook_id", "next_attempt_at", "id"],
        postgresql_where=IS_OPEN,
    )


def downgrade() -> None:
    op.drop_table("webhook_deliveries")
    op.drop_table("webhooks")
