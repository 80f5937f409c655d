"""Items: products with prices, categories and owners."""

from app.feature import Feature
from app.features.categories.signals import CategoryDeleted
from app.features.items.lifespan import lifespan
from app.features.items.own_router import router as own_router
from app.features.items.receivers import leave_category
from app.features.items.router import router
from app.features.items.router_v2 import router as router_v2
from app.features.items.scopes import ITEMS_WRITE

feature = Feature(
    name="items",
    requires=("users", "categories", "tasks", "background_jobs"),
    routers=(router, own_router),
    root_routers=(router_v2,),
    tags={
        "items": "The items on offer.",
        "items v2": "Items whose amounts name a currency.",
    },
    scopes=(ITEMS_WRITE,),
    lifespan=lifespan,
    receivers={CategoryDeleted: leave_category},
)
