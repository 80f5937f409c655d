"""Items in such a number that a client can stop reading in the middle of them."""

import pytest

from app.features.users.models.user import User
from tests.conftest import Database

# More than the buffers of both ends of a loopback connection hold.
ROWS, ROWS_PER_STATEMENT = 15_000, 1000
TAGS = "ARRAY(SELECT repeat('x', 30) FROM generate_series(1, 15))"
# Without triggers: neither the audit log nor the events are what these tests are about.
FILL = f"""
DO $$ BEGIN
SET LOCAL session_replication_role = replica;
INSERT INTO items (id, name, price, owner_id, tags)
SELECT gen_random_uuid(), 'item', 1, '{{owner}}', {TAGS}
FROM generate_series(1, {ROWS_PER_STATEMENT});
END $$
"""


@pytest.fixture
async def many_items(database: Database, user: User) -> None:
    # Statements have a timeout, and words are cut for the search in each row.
    for _ in range(ROWS // ROWS_PER_STATEMENT):
        await database(FILL.format(owner=user.id))
