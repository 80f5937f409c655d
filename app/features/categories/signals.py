"""Signals about categories."""

import uuid
from dataclasses import dataclass

from app.db.signals import Signal


@dataclass(frozen=True, slots=True)
class CategoryDeleted(Signal):
    """A category is about to be deleted; receivers take their deleted rows out of it."""

    category_id: uuid.UUID
