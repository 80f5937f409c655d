"""Chat rooms over WebSockets."""

from app.feature import Feature
from app.features.rooms import crud, pages
from app.features.rooms.lifespan import lifespan
from app.features.rooms.router import router
from app.features.rooms.scopes import POSTS_READ, POSTS_WRITE

feature = Feature(
    name="rooms",
    requires=("users", "streams", "html_pages"),
    routers=(router,),
    root_routers=(pages.router,),
    cleanup=(crud.delete_old,),
    scopes=(POSTS_READ, POSTS_WRITE),
    lifespan=lifespan,
)
