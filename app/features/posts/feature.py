"""Posts: private drafts and published texts."""

from app.feature import Feature
from app.features.posts.own_router import router as own_router
from app.features.posts.router import router
from app.features.posts.scopes import POSTS_READ, POSTS_WRITE

feature = Feature(
    name="posts",
    requires=("users",),
    routers=(router, own_router),
    tags={
        "posts": "Posts of users: drafts and published posts.",
    },
    scopes=(POSTS_READ, POSTS_WRITE),
)
