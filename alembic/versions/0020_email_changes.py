"""Pending changes of e-mail addresses, and why a webhook was disabled.

Revision: 0020, after 0019. The previous release works on this schema: what is new is a table
that it does not know and a column that may be null.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from alembic import op

revision: str = "0020"
down_revision: str | None = "0019"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# The foreign key and the column each take a short lock: rather fail and be repeated than queue
# in front of requests behind a long transaction.
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '400ms'"
# The token is made when the mail is written, which is no change of the account.
AUDIT = "SELECT audit_table('email_changes', 'email_change', 'token_hash')"


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.create_table(
        "email_changes",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_email_changes_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_email_changes")),
    )
    op.create_index("uq_email_changes_user_id", "email_changes", ["user_id"], unique=True)
    op.create_index("uq_email_changes_token_hash", "email_changes", ["token_hash"], unique=True)
    op.create_index("ix_email_changes_expires_at", "email_changes", ["expires_at"], unique=False)
    op.execute(AUDIT)
    op.add_column("webhooks", sa.Column("disabled_reason", sa.String(length=30), nullable=True))


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.drop_column("webhooks", "disabled_reason")
    op.drop_table("email_changes")
