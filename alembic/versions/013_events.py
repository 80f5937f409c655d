"""Events: published changes, the triggers that write them, and the offsets of their consumers."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision: str = "013_events"
down_revision: str | None = "012_notifications"
feature = "events"

TIMESTAMP = sa.DateTime(timezone=True)
NOW = sa.text("now()")
TRANSACTION_ID = sa.text("pg_current_xact_id()::text::bigint")

# An event is an audit entry of one of the published actions. Changes of a deleted row are not
# published, and a restored row is an update.
PUBLISH_ENTRIES = """
CREATE FUNCTION publish_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (type, resource_id, data)
    SELECT replace(action, '.restored', '.updated'), resource_id, coalesce(after, before)
    FROM new_entries
    WHERE action = ANY (string_to_array(TG_ARGV[0], ','))
        AND (
            coalesce(after, before) ->> 'deleted_at' IS NULL
            OR (after IS NOT NULL AND action LIKE '%.deleted')
        )
    ORDER BY new_entries.id;
    RETURN NULL;
END $$
"""
PUBLISHED = "item.created,item.updated,item.restored,item.deleted,item.processed,post.published"
PUBLISH = f"""
CREATE TRIGGER publish AFTER INSERT ON audit_entries REFERENCING NEW TABLE AS new_entries
FOR EACH STATEMENT EXECUTE FUNCTION publish_entries('{PUBLISHED}')
"""
# Changes of tasks are not in the audit log, but published to their owners.
PUBLISH_TASKS = """
CREATE FUNCTION publish_tasks() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    internal CONSTANT text[] := '{payload,deduplication_key}';
BEGIN
    INSERT INTO events (type, resource_id, data)
    SELECT 'task.updated', id, to_jsonb(new_rows) - internal FROM new_rows;
    RETURN NULL;
END $$
"""
PUBLISH_TASK = """
CREATE TRIGGER publish AFTER UPDATE ON tasks REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION publish_tasks()
"""


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("transaction_id", sa.BigInteger(), server_default=TRANSACTION_ID, nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("type", sa.String(length=100), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", TIMESTAMP, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("transaction_id", "id", name=op.f("pk_events")),
    )
    op.create_index("ix_events_created_at", "events", ["created_at"], postgresql_using="brin")
    op.create_table(
        "consumer_offsets",
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIMESTAMP, server_default=NOW, nullable=False),
        sa.Column("paged_event_id", sa.BigInteger(), nullable=True),
        sa.Column("paged_webhook_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consumer_offsets")),
        sa.UniqueConstraint("name", name=op.f("uq_consumer_offsets_name")),
    )
    for statement in (PUBLISH_ENTRIES, PUBLISH, PUBLISH_TASKS, PUBLISH_TASK):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION publish_tasks, publish_entries CASCADE")
    op.drop_table("consumer_offsets")
    op.drop_table("events")
