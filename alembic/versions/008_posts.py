"""Posts: articles, with their indexes for filters, sorting and search."""

import sqlalchemy as sa

from alembic import op
from app.db.migrations import record_changes

revision: str = "008_posts"
down_revision: str | None = "007_items"
feature = "posts"

TIMESTAMP = sa.DateTime(timezone=True)
NOW = sa.text("now()")
TEXT = "title || ' ' || body"


def upgrade() -> None:
    status = sa.Enum(
        "draft", "published", name="status", native_enum=False, create_constraint=True, length=30
    )
    op.create_table(
        "posts",
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("body", sa.String(length=20_000), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("status", status, nullable=False),
        sa.Column("published_at", TIMESTAMP, nullable=True),
        sa.Column("updated_at", TIMESTAMP, server_default=NOW, nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIMESTAMP, server_default=NOW, nullable=False),
        sa.CheckConstraint(
            "(status = 'published') = (published_at IS NOT NULL)",
            name=op.f("ck_posts_published_has_a_time"),
        ),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name=op.f("fk_posts_author_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_posts")),
    )
    op.create_index("ix_posts_author_id", "posts", ["author_id", "created_at", "id"])
    op.create_index("ix_posts_created_at", "posts", ["created_at", "id"])
    op.create_index("ix_posts_status", "posts", ["status", "created_at", "id"])
    op.create_index("ix_posts_title", "posts", ["title", "id"])
    op.create_index(
        "ix_posts_search_lexemes",
        "posts",
        [sa.text(f"search_lexemes({TEXT})")],
        postgresql_using="gin",
    )
    record_changes("posts", "post")


def downgrade() -> None:
    op.drop_table("posts")
