"""Posts: private drafts and published texts."""

from app.feature import Feature
from app.features.posts.own_router import router as own_router
from app.features.posts.router import router

feature = Feature(
    name="posts",
    requires=("users",),
    routers=(router, own_router),
    tags={
        "posts": "Posts of users: drafts and published posts.",
    },
)
