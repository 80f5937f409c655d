"""Authorization table of items, and a valid request of each operation."""

import uuid
from typing import Any

from tests.factories import item_body, make_item
from tests.scenes import Authorization, Scene, name_alone

TABLE = """
list_own_items            401        200 -     200 -     200 -
list_items                401        200 -     200 -     200 -
export_items              401        200 -     200 -     200 -
create_item               401        403 -     201 -     201 -
create_items              401        403 -     200 -     200 -
read_item                 401        200 200   200 200   200 200
replace_item              401        403 403   200 403   200 200
update_item               401        403 403   200 403   200 200
delete_item               401        403 403   204 403   204 204
process_item              401        403 403   202 403   202 202
restore_item.deleted      401        403 403   200 403   200 200
list_items_v2             401        200 -     200 -     200 -
create_item_v2            401        403 -     201 -     201 -
read_item_v2              401        200 200   200 200   200 200
update_item_v2            401        403 403   200 403   200 200
delete_item_v2            401        403 403   204 403   204 204
"""


async def an_item(scene: Scene) -> uuid.UUID:
    deleted_at = scene.owner.created_at if scene.state == "deleted" else None
    return (await scene.save(make_item(scene.owner, deleted_at=deleted_at))).id


async def an_item_body(scene: Scene) -> dict[str, Any]:
    return {"json": item_body()}


async def another_item_body(scene: Scene) -> dict[str, Any]:
    return {"json": item_body(name="Cherry desk")}


async def an_item_body_v2(scene: Scene) -> dict[str, Any]:
    return {"json": item_body(price={"amount": "899.00", "currency": "EUR"})}


authorization = Authorization(
    table=TABLE,
    things={"item_id": an_item},
    bodies={
        "create_item": an_item_body,
        "replace_item": another_item_body,
        "update_item": name_alone,
        "create_item_v2": an_item_body_v2,
        "update_item_v2": name_alone,
    },
    representatives=("list_items", "create_item"),
)
