"""Lifespan: the schema, assembled from the types of the enabled features."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.config.settings import Settings
from app.feature import Features
from app.features.graphql.extension import GraphQLTypes
from app.features.graphql.schema import Schema, create_schema
from app.startup import Startup


@dataclass(frozen=True, slots=True)
class GraphQLResources:
    schema: Schema


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[GraphQLResources]:
    parts = startup.resources[Features].extensions("graphql", GraphQLTypes)
    is_open = startup.resources[Settings].environment != "production"
    yield GraphQLResources(create_schema(parts, is_open=is_open))
