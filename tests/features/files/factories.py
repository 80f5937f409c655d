"""Valid files with one call."""

from typing import Any

from app.features.files.models import File
from app.features.users.models.user import User
from tests.conftest import Save


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


async def save_listed(save: Save, owner: User) -> None:
    """Store one that the owner finds in the list."""
    await save(make_file(owner))
