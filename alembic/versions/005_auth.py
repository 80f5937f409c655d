"""Auth: login throttles, mailed tokens and pending changes of e-mail addresses."""

import sqlalchemy as sa

from alembic import op
from app.db.migrations import record_changes

revision: str = "005_auth"
down_revision: str | None = "004_users"
feature = "auth"

TIMESTAMP = sa.DateTime(timezone=True)
NOW = sa.text("now()")


def upgrade() -> None:
    create_throttles()
    create_mailed_tokens()
    create_email_changes()
    # The token is made when the mail is written, which is no change of the account.
    record_changes("email_changes", "email_change", ignored="token_hash")


def create_throttles() -> None:
    op.create_table(
        "throttles",
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("consecutive_failures", sa.Integer(), nullable=False),
        sa.Column("window_ends_at", TIMESTAMP, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIMESTAMP, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_throttles")),
    )
    op.create_index("ix_throttles_window_ends_at", "throttles", ["window_ends_at"])
    op.create_index("uq_throttles_key", "throttles", ["key"], unique=True)


def create_mailed_tokens() -> None:
    purposes = ("verify_email", "reset_password")
    purpose = sa.Enum(
        *purposes, name="purpose", native_enum=False, create_constraint=True, length=30
    )
    op.create_table(
        "mailed_tokens",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", purpose, nullable=False),
        sa.Column("email_canonical", sa.String(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", TIMESTAMP, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIMESTAMP, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_mailed_tokens_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailed_tokens")),
    )
    op.create_index("ix_mailed_tokens_expires_at", "mailed_tokens", ["expires_at"])
    op.create_index("ix_mailed_tokens_user_id", "mailed_tokens", ["user_id"])
    op.create_index("uq_mailed_tokens_token_hash", "mailed_tokens", ["token_hash"], unique=True)


def create_email_changes() -> None:
    op.create_table(
        "email_changes",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("expires_at", TIMESTAMP, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIMESTAMP, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_email_changes_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_email_changes")),
    )
    op.create_index("uq_email_changes_user_id", "email_changes", ["user_id"], unique=True)
    op.create_index("uq_email_changes_token_hash", "email_changes", ["token_hash"], unique=True)
    op.create_index("ix_email_changes_expires_at", "email_changes", ["expires_at"])


def downgrade() -> None:
    op.drop_table("email_changes")
    op.drop_table("mailed_tokens")
    op.drop_table("throttles")
