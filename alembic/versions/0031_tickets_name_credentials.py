"""tickets name credentials of any kind

Revision: 0031, after 0030

Expands only: the previous release goes on with `session_id` and `api_key_id`, which a trigger keeps
equal to the new columns for as long as both releases run. The next release drops the two and the
trigger.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from alembic import op

revision: str = "0031"
down_revision: str | None = "0030"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

FUNCTION = """
CREATE FUNCTION fill_ticket_credential() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.credential_id IS NULL THEN
        NEW.credential_id := coalesce(NEW.session_id, NEW.api_key_id);
        NEW.credential_kind := CASE WHEN NEW.session_id IS NULL THEN 'api_key'
            ELSE 'access_token' END;
    ELSIF NEW.credential_kind = 'access_token' THEN
        NEW.session_id := NEW.credential_id;
    ELSE
        NEW.api_key_id := NEW.credential_id;
    END IF;
    RETURN NEW;
END
$$
"""
TRIGGER = """
CREATE TRIGGER fill_credential BEFORE INSERT OR UPDATE ON tickets
FOR EACH ROW EXECUTE FUNCTION fill_ticket_credential()
"""


def upgrade() -> None:
    op.add_column("tickets", sa.Column("credential_kind", sa.String(length=30)))
    op.add_column("tickets", sa.Column("credential_id", sa.Uuid()))
    op.execute(FUNCTION)
    op.execute(TRIGGER)
    # Tickets last 30 seconds, so that there are few. The trigger fills the columns.
    op.execute("UPDATE tickets SET scopes = scopes")
    op.alter_column("tickets", "credential_kind", nullable=False)
    op.alter_column("tickets", "credential_id", nullable=False)
    # Locks the tables at both ends, for a moment: sessions, which every request reads, last.
    op.drop_constraint("fk_tickets_api_key_id", "tickets")
    op.drop_constraint("fk_tickets_session_id", "tickets")


def downgrade() -> None:
    op.execute("DROP TRIGGER fill_credential ON tickets")
    op.execute("DROP FUNCTION fill_ticket_credential()")
    op.drop_column("tickets", "credential_id")
    op.drop_column("tickets", "credential_kind")
    # Sessions and keys of some tickets may be gone, and clients ask for another ticket.
    op.execute("DELETE FROM tickets")
    op.create_foreign_key("fk_tickets_api_key_id", "tickets", "api_keys", ["api_key_id"], ["id"])
    op.create_foreign_key(
        "fk_tickets_session_id",
        "tickets",
        "sessions",
        ["session_id"],
        ["id"],
        ondelete="CASCADE",
    )
