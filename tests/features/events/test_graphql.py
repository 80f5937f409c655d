"""Subscriptions to events in GraphQL."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI

from app.feature import Features, load_features
from app.features.events.lifespan import EventResources
from app.features.graphql import subscriptions
from app.features.graphql.extension import GraphQLTypes
from app.features.graphql.schema import Schema, create_schema, problem_of
from app.features.users.models.user import User
from benchmarks.harness.servers import serving
from tests.conftest import As, Running
from tests.factories import item_body
from tests.features.graphql.follower import follower
from tests.polling import eventually
from tests.state import resources_of

QUERY = "subscription { itemEvents { type item { name owner { username } } } }"


@pytest.fixture
async def port(app: FastAPI) -> AsyncIterator[int]:
    async with serving(app) as port:
        yield port


async def is_following(app: FastAPI) -> None:
    """Wait until the feed has a subscriber, which receives later events."""
    await eventually(lambda: resources_of(app)[EventResources].feed.position is not None)


class TestWithoutTheFeature:
    @pytest.fixture
    def schema(self) -> Schema:
        absent = {"events", "webhooks"}  # The second requires the first.
        others = Features(each for each in load_features() if each.name not in absent)
        return create_schema(others.extensions("graphql", GraphQLTypes), is_open=True)

    def test_schema_has_no_subscription(self, schema: Schema) -> None:
        assert "Subscription" not in schema.as_str()
        assert "ItemEvent" not in schema.as_str()

    async def test_subscription_is_rejected_with_the_reason(self, schema: Schema) -> None:
        results = await schema.subscribe(QUERY)

        (rejected,) = [error async for each in results for error in each.errors or []]
        assert problem_of(rejected).detail.startswith("The subscription operation is not supported")


class TestSubscription:
    async def test_subscription_receives_item_events(
        self, app: FastAPI, port: int, user: User, as_user: As
    ) -> None:
        async with follower(app, port, user) as following:
            await following.begin()
            await following.subscribe(QUERY)
            await is_following(app)

            await (await as_user(user)).post("/api/v1/items", json=item_body())

            message = await following.receive()
        event = {"name": "Walnut desk", "owner": {"username": user.username}}
        assert message["payload"] == {"data": {"itemEvents": {"type": "CREATED", "item": event}}}

    async def test_subscription_ends_on_complete(self, app: FastAPI, port: int, user: User) -> None:
        async with follower(app, port, user) as following:
            await following.begin()
            await following.subscribe(QUERY)
            await is_following(app)

            await following.send(type="complete", id="1")
            await following.send(type="ping")

            assert await following.receive() == {"type": "pong"}
            await eventually(lambda: resources_of(app)[EventResources].feed.position is None)

    async def test_end_by_the_service_is_an_error(self, running: Running, user: User) -> None:
        async with running() as app, serving(app) as port, follower(app, port, user) as following:
            await following.begin()
            await following.subscribe(QUERY)
            await is_following(app)

            resources_of(app)[EventResources].feed.drain()

            message = (await following.receive())["payload"]
        assert message["errors"][0]["extensions"]["code"] == "unavailable"
        assert "shutting down" in message["errors"][0]["message"]

    async def test_duplicate_operation_id_is_rejected(
        self, app: FastAPI, port: int, user: User
    ) -> None:
        async with follower(app, port, user) as following:
            await following.begin()
            for _ in range(2):
                await following.subscribe(QUERY)

            assert await following.close_code() == 4409

    async def test_operations_are_limited(self, app: FastAPI, port: int, user: User) -> None:
        async with follower(app, port, user) as following:
            await following.begin()
            for number in range(subscriptions.MAX_OPERATIONS + 1):
                await following.subscribe(QUERY, name=str(number))

            assert await following.close_code() == 4429
