"""Authorization table of posts, and a valid request of each operation."""

import uuid

from tests.features.posts.factories import make_post, make_published_post
from tests.scenes import Authorization, Scene

TABLE = """
list_own_posts            401        200 -     200 -     200 -
list_posts                401        200 -     200 -     200 -
create_post               401        403 -     201 -     201 -
read_post.draft           401        200 404   200 404   200 200
read_post.published       401        200 200   200 200   200 200
replace_post.draft        401        403 403   200 404   200 200
replace_post.published    401        403 403   200 403   200 200
update_post.draft         401        403 403   200 404   200 200
update_post.published     401        403 403   200 403   200 200
delete_post.draft         401        403 403   204 404   204 204
delete_post.published     401        403 403   204 403   204 204
publish_post.draft        401        403 403   200 404   200 200
unpublish_post.published  401        403 403   204 403   204 204
"""


async def a_post(scene: Scene) -> uuid.UUID:
    make = make_published_post if scene.state == "published" else make_post
    return (await scene.save(make(scene.owner))).id


authorization = Authorization(
    table=TABLE,
    things={"post_id": a_post},
)
