"""events

Revision: 0011, after 0010
"""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# What is told is what is recorded: an event is an entry of the audit log that others may see.
# A deleted row that changes is nobody's news; one that comes back is, to them, an update.
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
# Nobody's doing, and so in no audit log; but those who wait for a task hear how it goes.
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
        sa.Column(
            "transaction_id",
            sa.BigInteger(),
            server_default=sa.text("pg_current_xact_id()::text::bigint"),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("type", sa.String(length=100), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column(
            "data", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("transaction_id", "id", name=op.f("pk_events")),
    )
    op.create_index(
        "ix_events_created_at", "events", ["created_at"], unique=False, postgresql_using="brin"
    )
    for statement in (PUBLISH_ENTRIES, PUBLISH, PUBLISH_TASKS, PUBLISH_TASK):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION publish_tasks, publish_entries CASCADE")
    op.drop_table("events")
