"""Search of posts."""

import pytest
from fastapi import FastAPI

from app.features.users.models.user import User
from tests.conftest import As, Save
from tests.db.test_search import QUESTIONS, plan_of
from tests.features.posts.factories import make_post

POSTS = "/api/v1/posts"


class TestSearchIndex:
    @pytest.mark.parametrize("q", QUESTIONS)
    async def test_query_uses_the_index(self, app: FastAPI, save: Save, user: User, q: str) -> None:
        await save(make_post(user))

        plan = await plan_of(app, "posts", "title || ' ' || body", q)

        assert "ix_posts_search_lexemes" in plan


class TestSearchOverHttp:
    async def test_posts_are_found_by_beginnings(self, as_user: As, user: User) -> None:
        body = {
            "title": "TCP/IP",
            "body": "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01",
        }
        owner = await as_user(user)
        await owner.post(POSTS, json=body)

        found = [
            (await owner.get(POSTS, params={"q": q})).json()["items"]
            for q in ("TCP/IP", "tcp", "\u0e0a\u0e32\u0e27")
        ]

        assert [len(items) for items in found] == [1, 1, 1]
