"""rooms

Revision: 0012, after 0011
"""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def created_at() -> sa.Column[datetime]:
    return sa.Column(
        "created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
    )


def upgrade() -> None:
    op.create_table(
        "room_messages",
        sa.Column("room", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("envelope", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        created_at(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_room_messages")),
        prefixes=["UNLOGGED"],
    )
    op.create_index(
        "uq_room_messages_room_number", "room_messages", ["room", "number"], unique=True
    )
    op.create_index("ix_room_messages_created_at", "room_messages", ["created_at"], unique=False)
    op.create_table(
        "sockets",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("room", sa.String(length=64), nullable=True),
        sa.Column("worker_id", sa.Uuid(), nullable=False),
        sa.Column("lease_ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        created_at(),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sockets_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sockets")),
        prefixes=["UNLOGGED"],
    )
    op.create_index("ix_sockets_lease_ends_at", "sockets", ["lease_ends_at"], unique=False)
    op.create_index("ix_sockets_room", "sockets", ["room", "user_id"], unique=False)
    op.create_index("ix_sockets_user_id", "sockets", ["user_id"], unique=False)
    op.create_index("ix_sockets_worker_id", "sockets", ["worker_id"], unique=False)


def downgrade() -> None:
    op.drop_table("sockets")
    op.drop_table("room_messages")
