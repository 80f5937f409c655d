"""Categories: a tree of names."""

import sqlalchemy as sa

from alembic import op
from app.db.migrations import record_changes

revision: str = "006_categories"
down_revision: str | None = "005_auth"
feature = "categories"

TIMESTAMP = sa.DateTime(timezone=True)
NOW = sa.text("now()")


def upgrade() -> None:
    op.create_table(
        "categories",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("name_canonical", sa.String(), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=True),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("updated_at", TIMESTAMP, server_default=NOW, nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIMESTAMP, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["categories.id"], name=op.f("fk_categories_parent_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_categories")),
    )
    op.create_index("ix_categories_created_at", "categories", ["created_at", "id"])
    op.create_index("ix_categories_name", "categories", ["name", "id"])
    op.create_index(
        "uq_categories_name",
        "categories",
        ["parent_id", "name_canonical"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    record_changes("categories", "category", ignored="name_canonical")


def downgrade() -> None:
    op.drop_table("categories")
