"""Authorization table of categories, and a valid request of each operation."""

import uuid

from tests.factories import make_category
from tests.scenes import Authorization, Scene, name_alone

TABLE = """
list_categories           401        200 -     200 -     200 -
read_category_tree        401        200 -     200 -     200 -
read_category             401        200 -     200 -     200 -
create_category           401        403 -     403 -     201 -
update_category           401        403 -     403 -     200 -
delete_category           401        403 -     403 -     204 -
"""


async def a_category(scene: Scene) -> uuid.UUID:
    return (await scene.save(make_category())).id


authorization = Authorization(
    table=TABLE,
    things={"category_id": a_category},
    bodies={"create_category": name_alone, "update_category": name_alone},
)
