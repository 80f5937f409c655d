"""Files: metadata of uploads; their content is in the object storage."""

import sqlalchemy as sa

from alembic import op
from app.db.migrations import record_changes

revision: str = "009_files"
down_revision: str | None = "008_posts"
feature = "files"

TIMESTAMP = sa.DateTime(timezone=True)
NOW = sa.text("now()")


def upgrade() -> None:
    op.create_table(
        "files",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("path", sa.String(length=500), nullable=True),
        sa.Column("description", sa.String(length=500), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("content_type", sa.String(length=100), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("updated_at", TIMESTAMP, server_default=NOW, nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIMESTAMP, server_default=NOW, nullable=False),
        sa.CheckConstraint("size > 0", name=op.f("ck_files_size_is_positive")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_files_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
    )
    op.create_index(
        "uq_files_owner_id_path",
        "files",
        ["owner_id", "path"],
        unique=True,
        postgresql_where=sa.text("path IS NOT NULL"),
    )
    op.create_index("ix_files_created_at", "files", ["created_at", "id"])
    op.create_index("ix_files_name", "files", ["name", "id"])
    op.create_index("ix_files_size", "files", ["size", "id"])
    op.create_index("ix_files_content_type", "files", ["content_type", "created_at", "id"])
    op.create_index(
        "ix_files_owner_id",
        "files",
        ["owner_id", "created_at", "id"],
        postgresql_include=["size"],
    )
    record_changes("files", "file")


def downgrade() -> None:
    op.drop_table("files")
