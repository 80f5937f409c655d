"""Signals about categories."""

import uuid
from dataclasses import dataclass

from app.db.signals import Signal


@dataclass(frozen=True, slots=True)
class CategoryDeleted(Signal):
    """A category is about to be deleted; receivers remove their deleted rows from it."""

    category_id: uuid.UUID
