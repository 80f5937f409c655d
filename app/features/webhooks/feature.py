"""Webhooks: events delivered to URLs of users."""

from app.feature import Feature
from app.features.users.signals import MachineAccessRevoked, RoleChanged
from app.features.webhooks.crud import backlogs, deliveries
from app.features.webhooks.deliveries_router import router as deliveries_router
from app.features.webhooks.lifespan import lifespan
from app.features.webhooks.openapi import TAG, create_webhooks
from app.features.webhooks.receivers import disable_beyond_role, disable_webhooks
from app.features.webhooks.router import router
from app.features.webhooks.scopes import WEBHOOKS_MANAGE

feature = Feature(
    name="webhooks",
    requires=("users", "events", "notifications", "http_client"),
    routers=(router, deliveries_router),
    tags={
        "webhooks": "Events, delivered to URLs of yours.",
        TAG: "What the service sends to these URLs.",
    },
    scopes=(WEBHOOKS_MANAGE,),
    cleanup=(backlogs.delete_expired, deliveries.delete_old),
    lifespan=lifespan,
    webhooks=(create_webhooks,),
    receivers={MachineAccessRevoked: disable_webhooks, RoleChanged: disable_beyond_role},
)
