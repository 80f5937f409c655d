"""Figures of the files on the dashboard."""

from app.features.users.models.user import User
from tests.conftest import As, Save
from tests.features.dashboard.test_router import figures
from tests.features.files.factories import make_file


async def test_user_sees_own_totals(as_user: As, save: Save, user: User, other_user: User) -> None:
    for owner in (user, other_user):
        await save(make_file(owner, size=1500))

    totals = (await figures(await as_user(user)))["totals"]

    assert totals.items() >= {"files": 1, "stored_bytes": 1500}.items()
