"""Leases tell WebSockets and event streams apart, because each kind has a limit of its own."""

from collections.abc import Sequence

import sqlalchemy as sa

from alembic import op

revision: str = "0030"
down_revision: str | None = "0024"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    # A constant default needs no rewrite. Processes renew their leases every few seconds, so that
    # a lock that does not come at once is asked for again by running the migration again.
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.add_column(
        "sockets",
        sa.Column("kind", sa.String(length=30), server_default="websocket", nullable=False),
    )
    # Checks the few rows that there are at any time.
    op.create_check_constraint(
        op.f("ck_sockets_streamkind"), "sockets", "kind IN ('websocket', 'events')"
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.drop_column("sockets", "kind")
