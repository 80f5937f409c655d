"""Figures of the posts on the dashboard."""

from app.features.users.models.user import User
from tests.conftest import As, Save
from tests.features.dashboard.test_router import figures
from tests.features.posts.factories import make_post


async def test_user_sees_own_totals(as_user: As, save: Save, user: User, other_user: User) -> None:
    for owner in (user, other_user):
        await save(make_post(owner))

    totals = (await figures(await as_user(user)))["totals"]

    assert totals.items() >= {"posts": 1}.items()
