"""Categories: a tree that classifies items."""

from app.feature import Feature
from app.features.categories.lifespan import lifespan
from app.features.categories.router import router
from app.features.categories.scopes import ITEMS_READ

feature = Feature(
    name="categories",
    routers=(router,),
    tags={
        "categories": "The tree that items are sorted into.",
    },
    scopes=(ITEMS_READ,),
    lifespan=lifespan,
)
