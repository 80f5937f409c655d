"""Audit records of API keys."""

from app.features.users.models.user import User
from tests.conftest import As, Database
from tests.features.audit.test_router import entries
from tests.features.conftest import AUTH


async def test_rotated_secret_is_named_and_never_shown(
    as_user: As, user: User, admin: User, database: Database
) -> None:
    client = await as_user(user)
    body = {"name": "import", "scopes": ["items:read"]}
    key_id = (await client.post(f"{AUTH}/api-keys", json=body)).json()["id"]
    await client.post(f"{AUTH}/api-keys/{key_id}/rotate")

    rotated = (await entries(await as_user(admin), resource_id=key_id))[-1]

    assert rotated["after"]["secret_hash"] == "(changed)"
    secrets = await database("SELECT secret_hash::text AS secret FROM api_keys")
    (everything,) = await database("SELECT string_agg(e::text, '') AS text FROM audit_entries e")
    assert not [each for each in secrets if each["secret"] in everything["text"]]
