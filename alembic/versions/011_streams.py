"""Streams: single-use tickets and leases of open streams."""

import sqlalchemy as sa

from alembic import op

revision: str = "011_streams"
down_revision: str | None = "010_api_keys"
feature = "streams"

TIMESTAMP = sa.DateTime(timezone=True)
NOW = sa.text("now()")


def upgrade() -> None:
    create_tickets()
    create_sockets()


def create_tickets() -> None:
    op.create_table(
        "tickets",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.String(length=30)), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("credential_expires_at", TIMESTAMP, nullable=True),
        sa.Column("expires_at", TIMESTAMP, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIMESTAMP, server_default=NOW, nullable=False),
        # No foreign key: the table of a credential belongs to the feature of its kind.
        sa.Column("credential_kind", sa.String(length=30), nullable=False),
        sa.Column("credential_id", sa.Uuid(), nullable=False),
        sa.Column("credential_version", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_tickets_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tickets")),
    )
    op.create_index("ix_tickets_expires_at", "tickets", ["expires_at"])
    op.create_index("uq_tickets_secret_hash", "tickets", ["secret_hash"], unique=True)


def create_sockets() -> None:
    kind = sa.Enum(
        "websocket",
        "events",
        name="streamkind",
        native_enum=False,
        create_constraint=True,
        length=30,
    )
    op.create_table(
        "sockets",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("topic", sa.String(length=64), nullable=True),
        sa.Column("worker_id", sa.Uuid(), nullable=False),
        sa.Column("lease_ends_at", TIMESTAMP, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIMESTAMP, server_default=NOW, nullable=False),
        sa.Column("kind", kind, server_default="websocket", nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sockets_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sockets")),
        prefixes=["UNLOGGED"],
    )
    op.create_index("ix_sockets_lease_ends_at", "sockets", ["lease_ends_at"])
    op.create_index("ix_sockets_topic", "sockets", ["topic", "user_id"])
    op.create_index("ix_sockets_user_id", "sockets", ["user_id"])
    op.create_index("ix_sockets_worker_id", "sockets", ["worker_id"])


def downgrade() -> None:
    op.drop_table("sockets")
    op.drop_table("tickets")
