"""Bodies: bounded before they are read."""

from fastapi import FastAPI

from app.features.users.models.user import User
from tests.conftest import As
from tests.http.test_body_bounds import Body, status_of
from tests.problems import assert_problem


class TestBody:
    async def test_is_not_read_before_the_caller_is_known(self, app: FastAPI) -> None:
        body = Body(1_000_000)

        assert await status_of(app, body, "/api/v1/files") == 401
        assert body.read == 0

    async def test_coded_form_is_rejected(self, as_user: As, user: User) -> None:
        client = await as_user(user)

        response = await client.post(
            "/api/v1/files", files={"file": b"a"}, headers={"Content-Encoding": "gzip"}
        )

        assert_problem(response, 415, "unsupported_content_coding")
