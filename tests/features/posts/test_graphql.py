"""Posts in GraphQL."""

from app.feature import Features, load_features
from app.features.graphql.extension import GraphQLTypes
from app.features.graphql.schema import create_schema
from app.features.users.models.user import User
from tests.conftest import As, Save
from tests.features.graphql.operations import code, data
from tests.features.posts.factories import make_post, make_published_post


class TestSchema:
    def test_has_no_posts_without_the_feature(self) -> None:
        others = Features(each for each in load_features() if each.name != "posts")

        schema = create_schema(others.extensions("graphql", GraphQLTypes), is_open=True)

        assert "Post" not in schema.as_str()
        assert schema.connections == {"items", "users"}


class TestQueries:
    async def test_needs_the_scope_of_posts(self, as_user: As, user: User) -> None:
        query = "{posts{edges{cursor}}}"
        client = await as_user(user, scopes=("users:read", "items:read", "posts:write"))

        assert await code(client, query) == "insufficient_scope"
        assert await data(await as_user(user), query)

    async def test_drafts_of_others_are_hidden(
        self, as_user: As, user: User, other_user: User, save: Save
    ) -> None:
        await save(make_post(other_user, title="draft of another"))
        await save(make_published_post(other_user, title="published"))
        await save(make_post(user, title="own draft"))
        query = "{ posts { edges { node { title status author { username } } } } }"

        found = (await data(await as_user(user), query))["posts"]["edges"]

        assert [edge["node"]["title"] for edge in found] == ["own draft", "published"]
        assert found[0]["node"]["author"]["username"] == user.username
