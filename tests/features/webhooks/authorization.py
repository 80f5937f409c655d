"""Authorization table of webhooks, and a valid request of each operation."""

import uuid

from tests.features.webhooks.factories import make_delivery, make_webhook
from tests.scenes import Authorization, Scene

TABLE = """
list_webhooks             401        403 -     200 -     200 -
create_webhook            401        403 -     201 -     201 -
read_webhook              401        403 403   200 404   200 200
update_webhook            401        403 403   200 404   200 200
delete_webhook            401        403 403   204 404   204 204
test_webhook              401        403 403   202 404   202 202
rotate_webhook_secret     401        403 403   200 404   200 200
list_webhook_deliveries   401        403 403   200 404   200 200
redeliver_webhook_delivery 401       403 403   202 404   202 202
"""


async def a_webhook(scene: Scene) -> uuid.UUID:
    return (await scene.save(make_webhook(scene.owner))).id


async def a_webhook_and_its_delivery(scene: Scene) -> str:
    webhook = await scene.save(make_webhook(scene.owner))
    delivery = await scene.save(make_delivery(webhook))
    return f"{webhook.id}/deliveries/{delivery.id}"


authorization = Authorization(
    table=TABLE,
    things={
        "webhook_id}/deliveries/{delivery_id": a_webhook_and_its_delivery,
        "webhook_id": a_webhook,
    },
)
