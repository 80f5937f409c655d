"""GraphQL for an account whose address is not confirmed."""

from tests.conftest import As, Save
from tests.factories import make_user


class TestUnconfirmedAccount:
    async def test_graphql_reads_only_the_own_account(self, as_user: As, save: Save) -> None:
        signed_in = await as_user(await save(make_user(email_verified=False)))

        query = "{ me { username } items { edges { node { name } } } }"
        response = (await signed_in.post("/graphql", json={"query": query})).json()

        assert response["data"]["me"]["username"]
        assert [error["extensions"]["code"] for error in response["errors"]] == [
            "email_not_verified"
        ]
