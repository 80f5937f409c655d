"""Users: accounts and their sessions."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from app.db.migrations import record_changes

revision: str = "004_users"
down_revision: str | None = "003_audit"
feature = "users"

TIMESTAMP = sa.DateTime(timezone=True)
NOW = sa.text("now()")


def upgrade() -> None:
    create_users()
    create_sessions()
    record_changes(
        "users",
        "user",
        ignored="last_login_at,email_canonical,username_canonical",
        redacted="password_hash",
    )
    record_changes(
        "sessions", "session", ignored="generation,rotated_at,last_used_at,idle_expires_at"
    )
    # The cleanup deletes expired sessions; beginning and end are recorded already.
    op.execute("DROP TRIGGER IF EXISTS audit_delete ON sessions")


def create_users() -> None:
    is_alive = sa.text("deleted_at IS NULL")
    role = sa.Enum(
        "admin", "user", "guest", name="role", native_enum=False, create_constraint=True, length=30
    )
    op.create_table(
        "users",
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("email_canonical", sa.String(), nullable=False),
        sa.Column("username", sa.String(length=50), nullable=False),
        sa.Column("username_canonical", sa.String(), nullable=False),
        sa.Column("full_name", sa.String(length=100), nullable=True),
        sa.Column("age", sa.Integer(), nullable=True),
        sa.Column("address", postgresql.JSONB(), nullable=True),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("role", role, nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("email_verified", sa.Boolean(), nullable=False),
        sa.Column("last_login_at", TIMESTAMP, nullable=True),
        sa.Column("deleted_at", TIMESTAMP, nullable=True),
        sa.Column("updated_at", TIMESTAMP, server_default=NOW, nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIMESTAMP, server_default=NOW, nullable=False),
        sa.CheckConstraint("age BETWEEN 0 AND 150", name=op.f("ck_users_age_is_human")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
    )
    op.create_index("ix_users_created_at", "users", ["created_at", "id"], postgresql_where=is_alive)
    op.create_index("ix_users_email", "users", ["email", "id"], postgresql_where=is_alive)
    op.create_index("ix_users_username", "users", ["username", "id"], postgresql_where=is_alive)
    op.create_index(
        "ix_users_role", "users", ["role", "created_at", "id"], postgresql_where=is_alive
    )
    op.create_index(
        "ix_users_search",
        "users",
        ["email_canonical", "username_canonical"],
        postgresql_using="gin",
        postgresql_ops={"email_canonical": "gin_trgm_ops", "username_canonical": "gin_trgm_ops"},
    )
    for name in ("email", "username"):
        op.create_index(
            f"uq_users_{name}",
            "users",
            [f"{name}_canonical"],
            unique=True,
            postgresql_where=is_alive,
        )


def create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.String(length=30)), nullable=False),
        sa.Column("user_agent", sa.String(length=255), nullable=True),
        sa.Column("address", sa.String(length=45), nullable=True),
        sa.Column("generation", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rotated_at", TIMESTAMP, nullable=False),
        sa.Column("last_used_at", TIMESTAMP, nullable=False),
        sa.Column("idle_expires_at", TIMESTAMP, nullable=False),
        sa.Column("expires_at", TIMESTAMP, nullable=False),
        sa.Column("ended_at", TIMESTAMP, nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIMESTAMP, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sessions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_index(
        "ix_sessions_user_id", "sessions", ["user_id"], postgresql_where=sa.text("ended_at IS NULL")
    )


def downgrade() -> None:
    op.drop_table("sessions")
    op.drop_table("users")
