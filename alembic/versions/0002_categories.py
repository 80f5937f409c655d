"""categories

Revision: 0002, after 0001
"""

from collections.abc import Sequence

import sqlalchemy as sa

from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "categories",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("name_canonical", sa.String(), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=True),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["categories.id"], name=op.f("fk_categories_parent_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_categories")),
    )
    op.create_index("ix_categories_created_at", "categories", ["created_at", "id"], unique=False)
    op.create_index("ix_categories_name", "categories", ["name", "id"], unique=False)
    op.create_index(
        "uq_categories_name",
        "categories",
        ["parent_id", "name_canonical"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.add_column("items", sa.Column("category_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_items_category_id"), "items", "categories", ["category_id"], ["id"]
    )
    op.create_index("ix_items_category_id", "items", ["category_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_items_category_id", table_name="items")
    op.drop_constraint(op.f("fk_items_category_id"), "items", type_="foreignkey")
    op.drop_column("items", "category_id")
    op.drop_index("uq_categories_name", table_name="categories", postgresql_nulls_not_distinct=True)
    op.drop_index("ix_categories_name", table_name="categories")
    op.drop_index("ix_categories_created_at", table_name="categories")
    op.drop_table("categories")
