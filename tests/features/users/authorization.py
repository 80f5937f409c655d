"""Authorization table of users, and a valid request of each operation."""

import uuid
from typing import Any

from tests.factories import PASSWORD
from tests.scenes import Authorization, Scene

TABLE = """
read_profile              401        200 -     200 -     200 -
update_profile            401        403 -     200 -     200 -
delete_profile            401        403 -     204 -     204 -
list_users                401        403 -     403 -     200 -
create_user               401        403 -     403 -     201 -
read_user                 401        200 403   200 403   200 200
update_user               401        403 403   403 403   403 200
delete_user               401        403 403   403 403   403 204
"""


async def a_user(scene: Scene) -> uuid.UUID:
    return scene.owner.id


async def current_password(scene: Scene) -> dict[str, Any]:
    return {"json": {"current_password": PASSWORD}}


authorization = Authorization(
    table=TABLE,
    things={"user_id": a_user},
    bodies={"delete_profile": current_password},
    before_confirmation=("delete_profile", "read_profile", "read_user"),
    session_only=("delete_profile",),
    representatives=("update_profile", "list_users"),
)
