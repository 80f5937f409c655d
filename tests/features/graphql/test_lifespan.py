"""The executor of operations, which the first operation creates."""

import asyncio

from fastapi import FastAPI

from app.feature import Features
from app.features.graphql.lifespan import GraphQLResources
from tests.state import resources_of


def graphql_resources(app: FastAPI) -> GraphQLResources:
    return GraphQLResources(resources_of(app)[Features], is_open=True)


async def test_operations_share_one_executor(app: FastAPI) -> None:
    graphql = graphql_resources(app)

    first, second = await asyncio.gather(graphql.executor(), graphql.executor())

    assert first is second


async def test_creation_survives_the_client_that_began_it(app: FastAPI) -> None:
    graphql = graphql_resources(app)
    first = asyncio.create_task(graphql.executor())
    second = asyncio.create_task(graphql.executor())
    await asyncio.sleep(0)

    first.cancel()

    assert await second is await graphql.executor()
