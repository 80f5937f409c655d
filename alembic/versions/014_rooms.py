"""Rooms: recent messages, which a crash of the database server may lose."""

import sqlalchemy as sa

from alembic import op

revision: str = "014_rooms"
down_revision: str | None = "013_events"
feature = "rooms"


def upgrade() -> None:
    op.create_table(
        "room_messages",
        sa.Column("room", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("envelope", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_room_messages")),
        prefixes=["UNLOGGED"],
    )
    op.create_index(
        "uq_room_messages_room_number", "room_messages", ["room", "number"], unique=True
    )
    op.create_index("ix_room_messages_created_at", "room_messages", ["created_at"])


def downgrade() -> None:
    op.drop_table("room_messages")
