"""Posts over HTTP."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response

from app.features.posts.models import Post
from app.features.users.models.user import User
from tests.conftest import As, Save
from tests.features.posts.factories import make_post, make_published_post
from tests.problems import assert_problem, broken
from tests.state import reads_of, units_of_work

POSTS = "/api/v1/posts"
OWN_POSTS = "/api/v1/users/me/posts"
UNKNOWN_ID = "018f2f63-0000-7000-8000-000000000000"
BODY = {"title": "On oiling walnut", "body": "Thinly, and with the grain."}

CallAs = Callable[[str], Awaitable[AsyncClient]]


@pytest.fixture
async def author(as_user: As, user: User) -> AsyncClient:
    return await as_user(user)


@pytest.fixture
async def other_client(as_user: As, other_user: User) -> AsyncClient:
    return await as_user(other_user)


@pytest.fixture
def call_as(as_user: As, user: User, other_user: User, guest: User, admin: User) -> CallAs:
    all_users = {"author": user, "other_user": other_user, "guest": guest, "admin": admin}

    async def sign_in(name: str) -> AsyncClient:
        return await as_user(all_users[name])

    return sign_in


@pytest.fixture
async def draft(save: Save, user: User) -> Post:
    return await save(make_post(user, title="Draft"))


@pytest.fixture
async def published(save: Save, user: User) -> Post:
    return await save(make_published_post(user, title="Published"))


def url(post: Post) -> str:
    return f"{POSTS}/{post.id}"


def publication(post: Post) -> str:
    return f"{url(post)}/publication"


def titles(response: Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [post["title"] for post in response.json()["items"]]


class TestListPosts:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        response = await client.get(POSTS)

        assert_problem(response, 401, "unauthenticated")

    async def test_needs_the_scope_to_read_posts(self, as_user: As, user: User) -> None:
        client = await as_user(user, scopes=("items:read",))

        response = await client.get(POSTS)

        assert "posts:read" in assert_problem(response, 403, "insufficient_scope")["detail"]

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("author", ["Draft", "Published"]),
            ("admin", ["Draft", "Published"]),
            ("other_user", ["Published"]),
            ("guest", ["Published"]),
        ],
    )
    @pytest.mark.parametrize("params", [{}, {"q": "thinly"}, {"by": "author"}])
    async def test_drafts_are_for_their_author_and_administrators(
        self,
        call_as: CallAs,
        user: User,
        draft: Post,
        published: Post,
        name: str,
        expected: list[str],
        params: dict[str, str],
    ) -> None:
        wanted = {"author_id": str(user.id)} if "by" in params else params
        client = await call_as(name)

        response = await client.get(POSTS, params=wanted | {"sort": "title", "include_total": "1"})

        assert titles(response) == expected
        assert response.json()["total"] == len(expected)

    async def test_administrator_without_the_scope_sees_no_drafts(
        self, as_user: As, admin: User, draft: Post, published: Post
    ) -> None:
        client = await as_user(admin, scopes=("posts:read",))

        response = await client.get(POSTS)

        assert titles(response) == ["Published"]

    async def test_shows_the_authors(
        self, other_client: AsyncClient, user: User, published: Post
    ) -> None:
        [post] = (await other_client.get(POSTS)).json()["items"]

        author = {"id": str(user.id), "username": user.username, "full_name": user.full_name}
        assert (post["author"], post["author_id"]) == (author, str(user.id))
        assert "email" not in str(post)

    async def test_newest_come_first(self, author: AsyncClient, user: User, save: Save) -> None:
        for title in ("first", "second", "third"):
            await save(make_post(user, title=title))

        response = await author.get(POSTS)

        assert titles(response) == ["third", "second", "first"]

    @pytest.mark.parametrize(
        ("q", "expected"),
        [
            ("walnut", ["Walnut", "both"]),
            ("WALNUT", ["Walnut", "both"]),
            ("walnut brass", ["both"]),
            ("walnut or brass", []),
            ('"brass lamp"', ["Brass"]),
            ("brass -walnut", ["both"]),
            ("nowhere", []),
            ("waln", ["Walnut", "both"]),
            ("&|!():*<->'", []),
            ('"""', []),
            ("-- ;", []),
        ],
    )
    async def test_searches_title_and_body(
        self, author: AsyncClient, user: User, save: Save, q: str, expected: list[str]
    ) -> None:
        await save(make_post(user, title="Walnut", body="Oil it."))
        await save(make_post(user, title="Brass", body="A brass lamp darkens."))
        await save(make_post(user, title="both", body="brass on walnut"))

        response = await author.get(POSTS, params={"q": q, "sort": "title"})

        assert titles(response) == expected

    @pytest.mark.parametrize(
        ("status", "expected"), [("draft", "Draft"), ("published", "Published")]
    )
    async def test_status_filters(
        self, author: AsyncClient, draft: Post, published: Post, status: str, expected: str
    ) -> None:
        response = await author.get(POSTS, params={"status": status})

        assert titles(response) == [expected]

    async def test_author_filters(
        self, author: AsyncClient, other_user: User, published: Post, save: Save
    ) -> None:
        await save(make_published_post(other_user, title="Theirs"))

        response = await author.get(POSTS, params={"author_id": str(other_user.id)})

        assert titles(response) == ["Theirs"]

    async def test_walks_to_the_end(self, author: AsyncClient, user: User, save: Save) -> None:
        for title in ("a", "b", "b", "c"):
            await save(make_post(user, title=title))
        params = {"sort": "-title", "limit": "3"}

        first = await author.get(POSTS, params=params)
        last = await author.get(POSTS, params=params | {"cursor": first.json()["next_cursor"]})

        assert titles(first) + titles(last) == ["c", "b", "b", "a"]

    async def test_cursor_of_the_longest_titles_is_accepted(
        self, author: AsyncClient, user: User, save: Save
    ) -> None:
        for _ in range(2):
            await save(make_post(user, title="\U0001f9ff" * 200))
        params = {"sort": "title,created_at", "limit": "1"}

        first = await author.get(POSTS, params=params)
        last = await author.get(POSTS, params=params | {"cursor": first.json()["next_cursor"]})

        assert len(titles(last)) == 1

    @pytest.mark.parametrize(
        ("params", "pointer"),
        [
            ({"q": "ab"}, "/query/q"),
            ({"q": "x" * 51}, "/query/q"),
            ({"q": "nul\0"}, "/query/q"),
            ({"status": "deleted"}, "/query/status"),
            ({"author_id": "me"}, "/query/author_id"),
            ({"sort": "published_at"}, "/query/sort"),
            ({"sort": "body"}, "/query/sort"),
        ],
    )
    async def test_parameter_out_of_bounds_is_rejected(
        self, author: AsyncClient, params: dict[str, str], pointer: str
    ) -> None:
        response = await author.get(POSTS, params=params)

        assert broken(response).keys() == {pointer}

    async def test_takes_one_statement_for_many_authors(
        self, app: FastAPI, author: AsyncClient, user: User, other_user: User, save: Save
    ) -> None:
        for writer in (user, other_user, user):
            await save(make_published_post(writer))
        await author.get(POSTS)
        before = reads_of(app).statements

        response = await author.get(POSTS, params={"q": "thinly", "status": "published"})

        assert len(titles(response)) == 3
        assert reads_of(app).statements - before == 1


class TestListOwnPosts:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        response = await client.get(OWN_POSTS)

        assert_problem(response, 401, "unauthenticated")

    async def test_shows_own_posts_and_drafts(
        self, author: AsyncClient, other_user: User, draft: Post, published: Post, save: Save
    ) -> None:
        await save(make_published_post(other_user, title="Theirs"))

        response = await author.get(OWN_POSTS, params={"sort": "title"})

        assert titles(response) == ["Draft", "Published"]

    async def test_administrators_see_only_their_own(
        self, as_user: As, admin: User, draft: Post
    ) -> None:
        response = await (await as_user(admin)).get(OWN_POSTS)

        assert titles(response) == []

    async def test_takes_one_statement(
        self, app: FastAPI, author: AsyncClient, draft: Post, published: Post
    ) -> None:
        await author.get(OWN_POSTS)
        before = reads_of(app).statements

        await author.get(OWN_POSTS)

        assert reads_of(app).statements - before == 1


class TestReadPost:
    async def test_needs_a_token(self, client: AsyncClient, published: Post) -> None:
        response = await client.get(url(published))

        assert_problem(response, 401, "unauthenticated")

    @pytest.mark.parametrize(
        ("name", "status"), [("author", 200), ("admin", 200), ("other_user", 404), ("guest", 404)]
    )
    async def test_draft_is_for_its_author_and_administrators(
        self, call_as: CallAs, draft: Post, name: str, status: int
    ) -> None:
        response = await (await call_as(name)).get(url(draft))

        assert response.status_code == status

    @pytest.mark.parametrize("name", ["author", "admin", "other_user", "guest"])
    async def test_published_post_is_for_all(
        self, call_as: CallAs, user: User, published: Post, name: str
    ) -> None:
        response = await (await call_as(name)).get(url(published))

        assert response.status_code == 200
        assert response.json()["author"]["username"] == user.username

    async def test_draft_of_another_user_is_not_found(
        self, other_client: AsyncClient, draft: Post
    ) -> None:
        hidden = assert_problem(await other_client.get(url(draft)), 404, "not_found")
        missing = assert_problem(await other_client.get(f"{POSTS}/{UNKNOWN_ID}"), 404, "not_found")

        own = {"instance", "request_id"}
        assert {k: hidden[k] for k in hidden.keys() - own} == {
            k: missing[k] for k in missing.keys() - own
        }

    async def test_etag_of_a_draft_is_no_304_for_another_user(
        self, other_client: AsyncClient, draft: Post
    ) -> None:
        response = await other_client.get(url(draft), headers={"If-None-Match": "*"})

        assert_problem(response, 404, "not_found")

    async def test_copy_with_the_old_name_of_the_author_is_not_current(
        self, author: AsyncClient, published: Post
    ) -> None:
        before = await author.get(url(published))
        await author.patch("/api/v1/users/me", json={"full_name": "Augusta King"})
        date = {"If-Modified-Since": before.headers["Last-Modified"]}

        by_tag = await author.get(url(published), headers={"If-None-Match": before.headers["ETag"]})
        by_date = await author.get(url(published), headers=date)
        change = {"If-Match": before.headers["ETag"]}
        changed = await author.patch(url(published), json={"title": "New"}, headers=change)

        assert by_tag.json()["author"]["full_name"] == "Augusta King"
        assert by_date.json() == by_tag.json()
        assert changed.status_code == 200

    async def test_current_copy_is_304(self, other_client: AsyncClient, published: Post) -> None:
        tag = (await other_client.get(url(published))).headers["ETag"]

        response = await other_client.get(url(published), headers={"If-None-Match": tag})

        assert (response.status_code, response.content) == (304, b"")


class TestCreatePost:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        response = await client.post(POSTS, json=BODY)

        assert_problem(response, 401, "unauthenticated")

    async def test_guest_is_rejected(self, as_user: As, guest: User) -> None:
        response = await (await as_user(guest)).post(POSTS, json=BODY)

        assert "posts:write" in assert_problem(response, 403, "insufficient_scope")["detail"]

    async def test_makes_a_draft_of_the_caller(self, author: AsyncClient, user: User) -> None:
        response = await author.post(POSTS, json=BODY)
        found = await author.get(response.headers["Location"])

        body = response.json()
        assert (response.status_code, response.headers["ETag"]) == (201, found.headers["ETag"])
        assert body == found.json()
        assert body.items() >= {**BODY, "status": "draft", "published_at": None}.items()
        assert body["author_id"] == body["author"]["id"] == str(user.id)

    async def test_title_is_trimmed_and_the_body_is_not(self, author: AsyncClient) -> None:
        response = await author.post(POSTS, json={"title": " Title\n", "body": " indented\n"})

        assert (response.json()["title"], response.json()["body"]) == ("Title", " indented\n")

    @pytest.mark.parametrize("body", ["", "x" * 20_000, "\U0001f9ff" * 20_000, "a-" * 10_000])
    async def test_body_within_the_bounds_is_stored(self, author: AsyncClient, body: str) -> None:
        response = await author.post(POSTS, json={"title": "Title", "body": body})
        found = await author.get(response.headers["Location"])

        assert found.json()["body"] == body

    @pytest.mark.parametrize(
        ("body", "problems"),
        [
            ({}, {"/body/title": "missing", "/body/body": "missing"}),
            (
                {"title": "x" * 201, "body": "x" * 20_001},
                {"/body/title": "string_too_long", "/body/body": "string_too_long"},
            ),
            (
                {"title": "  ", "body": "\0"},
                {"/body/title": "string_too_short", "/body/body": "text_unstorable"},
            ),
            (
                {"title": 7, "body": None, "status": "published"},
                {
                    "/body/title": "string_type",
                    "/body/body": "string_type",
                    "/body/status": "extra_forbidden",
                },
            ),
        ],
    )
    async def test_all_invalid_fields_are_named_at_once(
        self, author: AsyncClient, body: dict[str, Any], problems: dict[str, str]
    ) -> None:
        response = await author.post(POSTS, json=body)

        assert broken(response) == problems
        assert titles(await author.get(OWN_POSTS)) == []


CHANGES = [("PUT", "", BODY), ("PATCH", "", {"title": "New"}), ("DELETE", "", None)]


class TestChangePost:
    """What replacing, changing and deleting a post have in common."""

    @pytest.mark.parametrize(("method", "path", "body"), CHANGES)
    async def test_needs_a_token(
        self, client: AsyncClient, published: Post, method: str, path: str, body: Any
    ) -> None:
        response = await client.request(method, url(published) + path, json=body)

        assert_problem(response, 401, "unauthenticated")

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [*CHANGES, ("PUT", "/publication", None), ("DELETE", "/publication", None)],
    )
    async def test_another_user_may_read_a_published_post_but_not_change_it(
        self,
        other_client: AsyncClient,
        draft: Post,
        published: Post,
        method: str,
        path: str,
        body: Any,
    ) -> None:
        hidden = await other_client.request(method, url(draft) + path, json=body)
        visible = await other_client.request(method, url(published) + path, json=body)

        assert_problem(hidden, 404, "not_found")
        assert_problem(visible, 403, "not_permitted")

    @pytest.mark.parametrize(("method", "path", "body"), CHANGES)
    @pytest.mark.parametrize("name", ["author", "admin"])
    async def test_author_and_administrator_may_change(
        self, call_as: CallAs, draft: Post, name: str, method: str, path: str, body: Any
    ) -> None:
        client = await call_as(name)

        response = await client.request(method, url(draft) + path, json=body)

        assert response.is_success, response.text

    @pytest.mark.parametrize(("method", "path", "body"), CHANGES)
    async def test_read_only_token_is_rejected(
        self, as_user: As, user: User, draft: Post, method: str, path: str, body: Any
    ) -> None:
        client = await as_user(user, scopes=("posts:read",))

        response = await client.request(method, url(draft) + path, json=body)

        assert_problem(response, 403, "insufficient_scope")

    @pytest.mark.parametrize(("method", "path", "body"), [*CHANGES, ("PUT", "/publication", None)])
    async def test_stale_version_is_rejected(
        self, author: AsyncClient, draft: Post, method: str, path: str, body: Any
    ) -> None:
        response = await author.request(
            method, url(draft) + path, json=body, headers={"If-Match": '"2"'}
        )

        assert_problem(response, 412, "precondition_failed")
        assert (await author.get(url(draft))).json()["version"] == 1

    @pytest.mark.parametrize(("method", "path", "body"), CHANGES)
    async def test_unknown_post_is_not_found(
        self, author: AsyncClient, method: str, path: str, body: Any
    ) -> None:
        response = await author.request(method, f"{POSTS}/{UNKNOWN_ID}{path}", json=body)

        assert_problem(response, 404, "not_found")


class TestReplacePost:
    async def test_replaces_only_title_and_body(self, author: AsyncClient, published: Post) -> None:
        response = await author.put(url(published), json=BODY)

        body = response.json()
        assert body.items() >= {**BODY, "status": "published", "version": 2}.items()
        assert body == (await author.get(url(published))).json()

    async def test_missing_field_is_rejected(self, author: AsyncClient, draft: Post) -> None:
        response = await author.put(url(draft), json={"title": "New"})

        assert broken(response) == {"/body/body": "missing"}


class TestUpdatePost:
    async def test_absent_fields_stay(self, author: AsyncClient, draft: Post) -> None:
        response = await author.patch(url(draft), json={"title": "New"})

        body = response.json()
        assert (body["title"], body["body"], body["version"]) == ("New", draft.body, 2)
        assert body == (await author.get(url(draft))).json()

    async def test_search_finds_the_new_words(self, author: AsyncClient, draft: Post) -> None:
        await author.patch(url(draft), json={"body": "linseed"})

        new = await author.get(POSTS, params={"q": "linseed"})
        old = await author.get(POSTS, params={"q": "thinly"})

        assert (titles(new), titles(old)) == (["Draft"], [])

    async def test_change_by_an_administrator_does_not_change_the_author(
        self, as_user: As, admin: User, user: User, draft: Post
    ) -> None:
        response = await (await as_user(admin)).patch(url(draft), json={"title": "New"})

        assert response.json()["author"]["username"] == user.username

    @pytest.mark.parametrize("field", ["title", "body"])
    async def test_null_is_rejected(self, author: AsyncClient, draft: Post, field: str) -> None:
        response = await author.patch(url(draft), json={field: None})

        assert broken(response).keys() == {f"/body/{field}"}

    @pytest.mark.parametrize("field", ["status", "published_at", "author_id", "author", "search"])
    async def test_server_made_field_is_rejected(
        self, author: AsyncClient, draft: Post, field: str
    ) -> None:
        response = await author.patch(url(draft), json={field: None})

        assert broken(response) == {f"/body/{field}": "extra_forbidden"}


class TestDeletePost:
    async def test_deleted_post_is_gone(
        self, app: FastAPI, author: AsyncClient, draft: Post
    ) -> None:
        response = await author.delete(url(draft))

        assert (response.status_code, response.content) == (204, b"")
        assert_problem(await author.get(url(draft)), 404, "not_found")
        async with units_of_work(app).begin() as uow:
            assert await uow.session.get(Post, draft.id) is None


class TestPublishPost:
    async def test_needs_a_token(self, client: AsyncClient, draft: Post) -> None:
        response = await client.put(publication(draft))

        assert_problem(response, 401, "unauthenticated")

    @pytest.mark.parametrize("name", ["author", "admin"])
    async def test_published_post_is_visible_to_all(
        self, call_as: CallAs, other_client: AsyncClient, draft: Post, name: str
    ) -> None:
        response = await (await call_as(name)).put(publication(draft))
        found = await other_client.get(url(draft))

        assert response.json() == found.json()
        assert (found.json()["status"], found.json()["version"]) == ("published", 2)
        assert found.json()["published_at"] >= found.json()["created_at"]

    async def test_published_post_is_rejected(self, author: AsyncClient, published: Post) -> None:
        response = await author.put(publication(published))

        assert_problem(response, 409, "already_published")

    async def test_one_of_many_concurrent_publications_succeeds(
        self, author: AsyncClient, draft: Post
    ) -> None:
        responses = await asyncio.gather(*(author.put(publication(draft)) for _ in range(8)))

        assert sorted(response.status_code for response in responses) == [200] + 7 * [409]


class TestUnpublishPost:
    async def test_needs_a_token(self, client: AsyncClient, published: Post) -> None:
        response = await client.delete(publication(published))

        assert_problem(response, 401, "unauthenticated")

    async def test_unpublished_post_is_hidden_from_others(
        self, author: AsyncClient, other_client: AsyncClient, published: Post
    ) -> None:
        response = await author.delete(publication(published))

        own = (await author.get(url(published))).json()
        assert response.status_code == 204
        assert (own["status"], own["published_at"]) == ("draft", None)
        assert_problem(await other_client.get(url(published)), 404, "not_found")

    async def test_draft_is_rejected(self, author: AsyncClient, draft: Post) -> None:
        response = await author.delete(publication(draft))

        assert_problem(response, 409, "not_published")
