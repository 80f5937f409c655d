"""Dashboard: figures that the scheduled job counted."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision: str = "016_dashboard"
down_revision: str | None = "015_webhooks"
feature = "dashboard"

TIMESTAMP = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "dashboards",
        sa.Column("figures", postgresql.JSONB(), nullable=False),
        sa.Column("counted_at", TIMESTAMP, nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIMESTAMP, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dashboards")),
    )


def downgrade() -> None:
    op.drop_table("dashboards")
