"""audit

Revision: 0007, after 0009
"""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision: str = "0007"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# One statement for all the rows of a statement: a batch of a thousand costs one call.
# Arguments: the noun, the columns that are nobody's change, the columns that stay secret.
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
        SELECT actor, request, noun, id, noun || '.created', to_jsonb(new_rows) - hidden
        FROM new_rows;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO audit_entries
            (actor_id, request_id, resource_type, resource_id, action, before)
        SELECT actor, request, noun, id, noun || '.deleted', to_jsonb(old_rows) - hidden
        FROM old_rows;
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
# What happens to a row in its life is a column that gets a time; the first that applies.
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
# Later migrations call this for their own tables: SELECT audit_table('tags', 'tag').
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
REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$
"""
# Superusers pass by every privilege, and the owner could grant it back by mistake.
APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""
REVOKE = "REVOKE UPDATE, DELETE, TRUNCATE ON audit_entries FROM PUBLIC, CURRENT_USER"
FUNCTIONS = (RECORD_CHANGES, CHANGE_OF, CHANGED_SECRETS, AUDIT_TABLE, REFUSE_CHANGE)

# Canonical names follow from the names, and `search` from the texts.
AUDITED = {
    "users": """
        'user', 'last_login_at,email_canonical,username_canonical', 'password_hash'
    """,
    "items": "'item', 'search'",
    "categories": "'category', 'name_canonical'",
    "posts": "'post', 'search'",
    "files": "'file'",
    "api_keys": "'api_key', 'last_used_at', 'secret_hash'",
    "sessions": "'session', 'generation,rotated_at,last_used_at,idle_expires_at'",
}


def upgrade() -> None:
    create_table()
    for statement in (*FUNCTIONS, APPEND_ONLY, REVOKE):
        op.execute(statement)
    for table, arguments in AUDITED.items():
        op.execute(f"SELECT audit_table('{table}', {arguments})")
    # Housekeeping deletes expired sessions; what counts is when they began and ended.
    op.execute("DROP TRIGGER audit_delete ON sessions")


def create_table() -> None:
    snapshot = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
    op.create_table(
        "audit_entries",
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.Column("resource_type", sa.String(length=50), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.String(length=100), nullable=False),
        sa.Column("before", snapshot, nullable=True),
        sa.Column("after", snapshot, nullable=True),
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
        op.create_index(f"ix_audit_entries_{name}", "audit_entries", columns, unique=False)


def downgrade() -> None:
    op.execute("DROP FUNCTION record_changes CASCADE")
    op.execute("DROP FUNCTION audit_table, changed_secrets, change_of")
    op.drop_table("audit_entries")
    op.execute("DROP FUNCTION refuse_change")
