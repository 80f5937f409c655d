"""Demo posts of a fresh development database."""

from httpx2 import AsyncClient

from app.config.settings import Settings
from app.devtools.seed import seed_when_empty
from app.features.posts.seed import DRAFT, PUBLISHED
from tests.devtools.test_seed import sign_in


class TestSeed:
    async def test_guest_sees_published_posts(
        self, client: AsyncClient, settings: Settings
    ) -> None:
        await seed_when_empty(settings)

        headers = await sign_in(client, "guest")
        posts = (await client.get("/api/v1/posts", headers=headers)).json()["items"]

        assert {post["title"] for post in posts} == {post.title for post in PUBLISHED}
        assert DRAFT.title not in {post["title"] for post in posts}
