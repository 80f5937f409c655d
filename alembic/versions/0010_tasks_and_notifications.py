"""tasks and notifications

Revision: 0010, after 0007
"""

import re
from collections.abc import Sequence

import sqlalchemy as sa
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from sqlalchemy.dialects import postgresql

from alembic import op
from app.jobs.pgqueuer import TABLES

revision: str = "0010"
down_revision: str | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "notifications",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("message", sa.String(length=5000), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_notifications_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
    )
    op.create_index(
        "ix_notifications_user_id", "notifications", ["user_id", "created_at", "id"], unique=False
    )
    op.create_table(
        "tasks",
        sa.Column("kind", sa.String(length=50), nullable=False),
        sa.Column(
            "payload", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("request_id", sa.String(length=128), nullable=False),
        sa.Column("deduplication_key", sa.String(length=200), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "queued",
                "running",
                "succeeded",
                "failed",
                "cancelled",
                name="taskstatus",
                native_enum=False,
                create_constraint=True,
                length=30,
            ),
            server_default="queued",
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("progress", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "result", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("error", sa.String(length=500), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
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
        sa.CheckConstraint("progress BETWEEN 0 AND 100", name=op.f("ck_tasks_progress_is_bounded")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_tasks_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
    )
    op.create_index("ix_tasks_created_at", "tasks", ["created_at", "id"], unique=False)
    op.create_index("ix_tasks_owner_id", "tasks", ["owner_id", "created_at", "id"], unique=False)
    op.create_index("ix_tasks_status", "tasks", ["status", "created_at", "id"], unique=False)
    op.create_index(
        "uq_tasks_deduplication_key",
        "tasks",
        ["deduplication_key"],
        unique=True,
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )
    create_queue()
    keep_unsent_mails()
    op.drop_index(op.f("ix_mails_unsent"), table_name="mails", postgresql_where="(sent_at IS NULL)")
    op.drop_table("mails")


def create_queue() -> None:
    """Make the tables of pgqueuer, as the release that is installed wants them."""
    # One statement at a time: that is all that a prepared statement can hold.
    install = QueryBuilderEnvironment(TABLES).build_install_query()
    for statement in re.split(r";\n\n(?=CREATE)", install):
        op.execute(sa.text(statement.replace(":", r"\:")))


def keep_unsent_mails() -> None:
    """Turn what waits in the outbox into tasks; the worker finds that they are in no queue."""
    op.execute("""
        INSERT INTO tasks (id, created_at, kind, payload, request_id)
        SELECT mails.id, mails.created_at, 'send_reset_mail',
            jsonb_build_object('email', recipient), 'mail-' || mails.id
        FROM mails WHERE sent_at IS NULL AND template = 'reset_password'
    """)
    op.execute("""
        INSERT INTO tasks (id, created_at, kind, payload, request_id)
        SELECT mails.id, mails.created_at, 'send_verification_mail',
            jsonb_build_object('user_id', users.id), 'mail-' || mails.id
        FROM mails JOIN users ON users.email = recipient AND users.deleted_at IS NULL
        WHERE sent_at IS NULL AND template = 'verify_email'
    """)


def downgrade() -> None:
    op.create_table(
        "mails",
        sa.Column("recipient", sa.VARCHAR(length=320), autoincrement=False, nullable=False),
        sa.Column("template", sa.VARCHAR(length=30), autoincrement=False, nullable=False),
        sa.Column(
            "sent_at", postgresql.TIMESTAMP(timezone=True), autoincrement=False, nullable=True
        ),
        sa.Column("id", sa.UUID(), autoincrement=False, nullable=False),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            autoincrement=False,
            nullable=False,
        ),
        sa.CheckConstraint(
            "template IN ('verify_email', 'reset_password')",
            name=op.f("ck_mails_template"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mails")),
    )
    op.create_index(
        op.f("ix_mails_unsent"),
        "mails",
        ["created_at"],
        unique=False,
        postgresql_where="(sent_at IS NULL)",
    )
    op.drop_index(
        "uq_tasks_deduplication_key",
        table_name="tasks",
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )
    op.drop_index("ix_tasks_status", table_name="tasks")
    op.drop_index("ix_tasks_owner_id", table_name="tasks")
    op.drop_index("ix_tasks_created_at", table_name="tasks")
    op.drop_table("tasks")
    op.drop_index("ix_notifications_user_id", table_name="notifications")
    op.drop_table("notifications")
    op.execute("DROP SCHEMA queue CASCADE")
