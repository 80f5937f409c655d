"""Changes of a file under conditions."""

from app.features.users.models.user import User
from tests.changes import Change
from tests.conftest import Save
from tests.features.files.factories import make_file

CHANGES: list[Change] = [("DELETE", "", None)]


async def path(save: Save, owner: User) -> str:
    return f"/api/v1/files/{(await save(make_file(owner))).id}"
