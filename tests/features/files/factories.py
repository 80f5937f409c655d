"""Valid files with one call."""

from typing import Any

from app.features.files.models import File
from app.features.users.models.user import User


def make_file(owner: User, **fields: Any) -> File:
    """A row without a stored object."""
    given = {
        "name": "report.pdf",
        "size": 1000,
        "sha256": "0" * 64,
        "content_type": "application/pdf",
        "owner_id": owner.id,
    }
    return File(**given | fields)


def make_listed(owner: User) -> File:
    """One that the owner finds in the list."""
    return make_file(owner)
