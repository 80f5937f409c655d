"""Stored figures of the whole service, refreshed by a schedule."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped

from app.db.base import Base

THE_ONE = uuid.UUID(int=0)


class Dashboard(Base):
    """One row: counting millions of items takes seconds, too long for a request."""

    __tablename__ = "dashboards"

    figures: Mapped[dict[str, Any]]
    counted_at: Mapped[datetime]
    seconds: Mapped[float]
