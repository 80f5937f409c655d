"""Authorization table of API keys, and a valid request of each operation."""

import uuid
from datetime import timedelta

from app.features.api_keys import crud as api_keys
from app.features.api_keys.schemas import ApiKeyCreate
from app.runtime.clock import now
from tests.scenes import Authorization, Scene
from tests.state import units_of_work

TABLE = """
list_api_keys             401        200 -     200 -     200 -
create_api_key            401        201 -     201 -     201 -
revoke_api_key            401        204 404   204 404   204 404
rotate_api_key            401        200 404   200 404   200 404
"""


async def an_api_key(scene: Scene) -> uuid.UUID:
    data = ApiKeyCreate(name="import", scopes=["items:read"])
    async with units_of_work(scene.app).begin() as uow:
        expires_at = now() + timedelta(days=1)
        row, _ = await api_keys.create(
            uow, data, user_id=scene.owner.id, expires_at=expires_at, limit=10
        )
    return row.id


authorization = Authorization(
    table=TABLE,
    things={"api_key_id": an_api_key},
    session_only=("create_api_key", "list_api_keys", "revoke_api_key", "rotate_api_key"),
    representatives=("create_api_key",),
)
