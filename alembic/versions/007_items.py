"""Items: goods on offer, with their indexes for filters, sorting and search."""

import sqlalchemy as sa

from alembic import op
from app.db.migrations import record_changes

revision: str = "007_items"
down_revision: str | None = "006_categories"
feature = "items"

TIMESTAMP = sa.DateTime(timezone=True)
NOW = sa.text("now()")
IS_ALIVE = sa.text("deleted_at IS NULL")
TEXT = "name || ' ' || coalesce(description, '')"


def upgrade() -> None:
    op.create_table(
        "items",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=True),
        sa.Column("price", sa.Numeric(precision=7, scale=2), nullable=False),
        sa.Column("tax", sa.Numeric(precision=5, scale=2), server_default="0", nullable=False),
        sa.Column("tags", sa.ARRAY(sa.String(length=30)), server_default="{}", nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("processed_at", TIMESTAMP, nullable=True),
        sa.Column("deleted_at", TIMESTAMP, nullable=True),
        sa.Column("updated_at", TIMESTAMP, server_default=NOW, nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIMESTAMP, server_default=NOW, nullable=False),
        sa.Column("category_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("price + tax <= 10000", name=op.f("ck_items_gross_price_is_bounded")),
        sa.CheckConstraint("price > 0", name=op.f("ck_items_price_is_positive")),
        sa.CheckConstraint(
            "tax BETWEEN 0 AND 100 AND tax <= price", name=op.f("ck_items_tax_is_bounded")
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_items_owner_id")),
        sa.ForeignKeyConstraint(
            ["category_id"], ["categories.id"], name=op.f("fk_items_category_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_items")),
    )
    create_indexes()
    record_changes("items", "item")


def create_indexes() -> None:
    op.create_index("ix_items_category_id", "items", ["category_id"])
    for name, columns in {
        "created_at": ["created_at", "id"],
        "name": ["name", "id"],
        "owner_id": ["owner_id", "created_at", "id"],
        "price": ["price", "id"],
    }.items():
        op.create_index(f"ix_items_{name}", "items", columns, postgresql_where=IS_ALIVE)
    op.create_index(
        "ix_items_tags", "items", ["tags"], postgresql_using="gin", postgresql_where=IS_ALIVE
    )
    # Also of deleted items: PostgreSQL uses the statistics of an expression only if its index
    # contains all rows.
    op.create_index(
        "ix_items_search_lexemes",
        "items",
        [sa.text(f"search_lexemes({TEXT})")],
        postgresql_using="gin",
    )


def downgrade() -> None:
    op.drop_table("items")
