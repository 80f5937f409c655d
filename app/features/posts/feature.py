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
        "posts": "What users write: drafts of their own, and what all may read.",
    },
    scopes=(POSTS_READ, POSTS_WRITE),
)
