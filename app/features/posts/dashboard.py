"""Dashboard figures of the posts."""

from sqlalchemy import func, select

from app.features.dashboard.figures import Counts, DashboardFigures, Owned
from app.features.posts.models import Post


def posts(owned: Owned) -> Counts:
    return select(func.count(Post.id)).where(owned(Post.author_id))


extension = DashboardFigures(totals={"posts": posts})
