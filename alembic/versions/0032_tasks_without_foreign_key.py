"""tasks name their owner without a foreign key

Revision: 0032, after 0031

Tasks belong to the kernel, which has no table of users. Users are never deleted as rows, and the
release before this one does not notice.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "0032"
down_revision: str | None = "0031"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    # Locks both tables for a moment, whatever their size.
    op.drop_constraint("fk_tasks_owner_id", "tasks")


def downgrade() -> None:
    # NOT VALID and a validation, which lets others write, instead of one scan under a lock.
    op.create_foreign_key(
        "fk_tasks_owner_id", "tasks", "users", ["owner_id"], ["id"], postgresql_not_valid=True
    )
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE tasks VALIDATE CONSTRAINT fk_tasks_owner_id")
