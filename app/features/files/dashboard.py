"""Dashboard figures of the files."""

from sqlalchemy import Numeric, cast, func, select

from app.features.dashboard.figures import Counts, DashboardFigures, Owned
from app.features.files.models import File


def files(owned: Owned) -> Counts:
    return select(func.count(File.id)).where(owned(File.owner_id))


def stored_bytes(owned: Owned) -> Counts:
    size = cast(func.coalesce(func.sum(File.size), 0), Numeric)
    return select(size).where(owned(File.owner_id))


extension = DashboardFigures(totals={"files": files, "stored_bytes": stored_bytes})
