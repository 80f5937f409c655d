"""Background jobs: tasks with their queue."""

import re

import sqlalchemy as sa
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from sqlalchemy.dialects import postgresql

from alembic import op
from app.features.background_jobs.pgqueuer import TABLES

revision: str = "002_background_jobs"
down_revision: str | None = "001_kernel"
feature = "background_jobs"

TIMESTAMP = sa.DateTime(timezone=True)
NOW = sa.text("now()")


def upgrade() -> None:
    create_tasks()
    create_queue()


def create_tasks() -> None:
    statuses = ("queued", "running", "succeeded", "failed", "cancelled")
    status = sa.Enum(
        *statuses, name="taskstatus", native_enum=False, create_constraint=True, length=30
    )
    op.create_table(
        "tasks",
        sa.Column("kind", sa.String(length=50), nullable=False),
        sa.Column("payload", postgresql.JSONB(), nullable=False),
        # No foreign key: jobs do not require users.
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("request_id", sa.String(length=128), nullable=False),
        sa.Column("deduplication_key", sa.String(length=200), nullable=True),
        sa.Column("status", status, server_default="queued", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("progress", sa.Integer(), server_default="0", nullable=False),
        sa.Column("result", postgresql.JSONB(), nullable=True),
        sa.Column("error", sa.String(length=500), nullable=True),
        sa.Column("finished_at", TIMESTAMP, nullable=True),
        sa.Column("updated_at", TIMESTAMP, server_default=NOW, nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIMESTAMP, server_default=NOW, nullable=False),
        sa.Column("traceparent", sa.String(length=55), nullable=True),
        sa.CheckConstraint("progress BETWEEN 0 AND 100", name=op.f("ck_tasks_progress_is_bounded")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
    )
    op.create_index("ix_tasks_created_at", "tasks", ["created_at", "id"])
    op.create_index("ix_tasks_owner_id", "tasks", ["owner_id", "created_at", "id"])
    op.create_index("ix_tasks_status", "tasks", ["status", "created_at", "id"])
    op.create_index(
        "uq_tasks_deduplication_key",
        "tasks",
        ["deduplication_key"],
        unique=True,
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )


def create_queue() -> None:
    """Create the tables of pgqueuer, as the installed release defines them."""
    # One statement at a time: a prepared statement holds no more.
    install = QueryBuilderEnvironment(TABLES).build_install_query()
    for statement in re.split(r";\n\n(?=CREATE)", install):
        op.execute(sa.text(statement.replace(":", r"\:")))


def downgrade() -> None:
    op.execute("DROP SCHEMA queue CASCADE")
    op.drop_table("tasks")
