"""items search

Revision: 0005, after 0004
"""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

ALIVE = sa.text("deleted_at IS NULL")
WORDS = "to_tsvector('simple', name || ' ' || coalesce(description, ''))"


def upgrade() -> None:
    op.add_column(
        "items",
        sa.Column(
            "search", postgresql.TSVECTOR(), sa.Computed(WORDS, persisted=True), nullable=False
        ),
    )
    op.create_index(
        "ix_items_search", "items", ["search"], postgresql_using="gin", postgresql_where=ALIVE
    )


def downgrade() -> None:
    op.drop_index("ix_items_search", table_name="items")
    op.drop_column("items", "search")
