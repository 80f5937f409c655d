"""Audit: the log of changes, and the triggers that write it."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision: str = "003_audit"
down_revision: str | None = "002_background_jobs"
feature = "audit"

# One statement for all the rows of a statement: a batch of a thousand costs one call.
# Subqueries hide the columns of the table, which may have the names of the variables.
# Arguments: the noun, the ignored columns, and the secret columns.
RECORD_CHANGES = """
CREATE FUNCTION record_changes() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    noun text := TG_ARGV[0];
    secret text[] := string_to_array(TG_ARGV[2], ',');
    hidden text[] := string_to_array(TG_ARGV[1], ',') || secret;
    actor uuid := nullif(current_setting('app.actor_id', true), '');
    request text := nullif(current_setting('app.request_id', true), '');
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO audit_entries
            (actor_id, request_id, resource_type, resource_id, action, after)
        SELECT actor, request, noun, id, noun || '.created', new_row - hidden
        FROM (SELECT id, to_jsonb(new_rows) AS new_row FROM new_rows) AS n;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO audit_entries
            (actor_id, request_id, resource_type, resource_id, action, before)
        SELECT actor, request, noun, id, noun || '.deleted', old_row - hidden
        FROM (SELECT id, to_jsonb(old_rows) AS old_row FROM old_rows) AS o;
    ELSE
        INSERT INTO audit_entries
            (actor_id, request_id, resource_type, resource_id, action, before, after)
        SELECT actor, request, noun, id, noun || '.' || change_of(old_row, new_row),
            old_row - hidden, (new_row - hidden) || changed_secrets(old_row, new_row, secret)
        FROM (SELECT id, to_jsonb(old_rows) AS old_row FROM old_rows) AS o
        JOIN (SELECT id, to_jsonb(new_rows) AS new_row FROM new_rows) AS n USING (id)
        WHERE old_row - hidden <> (new_row - hidden)
            OR changed_secrets(old_row, new_row, secret) <> '{}';
    END IF;
    RETURN NULL;
END $$
"""
# Names the change by the first of these columns that is set or cleared.
CHANGE_OF = """
CREATE FUNCTION change_of(old_row jsonb, new_row jsonb) RETURNS text IMMUTABLE LANGUAGE sql AS $$
    SELECT coalesce((
        SELECT CASE WHEN new_row ->> name IS NULL THEN undone ELSE done END
        FROM (VALUES
            (1, 'deleted_at', 'deleted', 'restored'),
            (2, 'ended_at', 'ended', NULL),
            (3, 'revoked_at', 'revoked', NULL),
            (4, 'published_at', 'published', 'unpublished'),
            (5, 'processed_at', 'processed', NULL)
        ) AS moments (place, name, done, undone)
        WHERE (old_row ->> name IS NULL) <> (new_row ->> name IS NULL)
        ORDER BY place LIMIT 1
    ), 'updated')
$$
"""
CHANGED_SECRETS = """
CREATE FUNCTION changed_secrets(old_row jsonb, new_row jsonb, names text[]) RETURNS jsonb
IMMUTABLE LANGUAGE sql AS $$
    SELECT coalesce(jsonb_object_agg(name, '(changed)'), '{}')
    FROM unnest(names) AS name
    WHERE old_row -> name IS DISTINCT FROM new_row -> name
$$
"""
# Called by `app.db.migrations.record_changes`.
AUDIT_TABLE = """
CREATE FUNCTION audit_table(
    audited regclass, noun text, ignored text DEFAULT '', secret text DEFAULT ''
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    statement CONSTANT text := 'CREATE TRIGGER audit_%s AFTER %s ON %s REFERENCING %s '
        'FOR EACH STATEMENT EXECUTE FUNCTION record_changes(%L, %L, %L)';
    old_rows CONSTANT text := 'OLD TABLE AS old_rows';
    new_rows CONSTANT text := 'NEW TABLE AS new_rows';
BEGIN
    EXECUTE format(statement, 'insert', 'INSERT', audited, new_rows, noun, ignored, secret);
    EXECUTE format(statement, 'delete', 'DELETE', audited, old_rows, noun, ignored, secret);
    EXECUTE format(
        statement, 'update', 'UPDATE', audited, old_rows || ' ' || new_rows, noun, ignored, secret
    );
END $$
"""
REJECT_CHANGE = """
CREATE FUNCTION reject_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$
"""
# Superusers bypass privileges, and the owner could grant them back by mistake.
APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
FOR EACH STATEMENT EXECUTE FUNCTION reject_change()
"""
REVOKE = "REVOKE UPDATE, DELETE, TRUNCATE ON audit_entries FROM PUBLIC, CURRENT_USER"
FUNCTIONS = (RECORD_CHANGES, CHANGE_OF, CHANGED_SECRETS, AUDIT_TABLE, REJECT_CHANGE)


def upgrade() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.Column("resource_type", sa.String(length=50), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.String(length=100), nullable=False),
        sa.Column("before", postgresql.JSONB(), nullable=True),
        sa.Column("after", postgresql.JSONB(), nullable=True),
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
    )
    for name in ("created_at", "resource_id", "actor_id", "request_id"):
        columns = list(dict.fromkeys((name, "created_at", "id")))
        op.create_index(f"ix_audit_entries_{name}", "audit_entries", columns)
    for statement in (*FUNCTIONS, APPEND_ONLY, REVOKE):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION record_changes CASCADE")
    op.execute("DROP FUNCTION audit_table, changed_secrets, change_of")
    op.drop_table("audit_entries")
    op.execute("DROP FUNCTION reject_change")
