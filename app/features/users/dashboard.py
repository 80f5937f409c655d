"""Dashboard figures of the users."""

from sqlalchemy import func, select

from app.features.dashboard.figures import Counts, DashboardFigures, Owned
from app.features.users.models.user import User


def users(_: Owned) -> Counts:
    return select(func.count(User.id)).where(User.deleted_at.is_(None))


extension = DashboardFigures(totals_for_administrators={"users": users})
