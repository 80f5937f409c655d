"""Users, their roles and their sign-in sessions."""

from app.feature import Feature
from app.features.users.crud import sessions
from app.features.users.lifespan import lifespan
from app.features.users.router import router
from app.features.users.scopes import USERS_READ, USERS_WRITE
from app.features.users.sessions_router import router as sessions_router

feature = Feature(
    name="users",
    routers=(router, sessions_router),
    tags={
        "users": "Users and their profiles.",
    },
    scopes=(USERS_READ, USERS_WRITE),
    cleanup=(sessions.delete_expired,),
    lifespan=lifespan,
)
