"""Client of the external API: resources, and the quotes of suppliers."""

import asyncio
import uuid
from collections.abc import Coroutine
from typing import Any, TypeVar

from pydantic import ValidationError

from app.errors import AppError
from app.features.external.cache import Cache, CachePolicy
from app.features.external.schemas import (
    SOURCES,
    SUPPLIERS,
    AggregateRead,
    ExternalRead,
    Quote,
    QuoteRead,
    QuotesRead,
    Received,
    SourceError,
)
from app.features.external.upstream import Upstream
from app.features.http_client.client import DEADLINE_SECONDS, UnusableResponse, UpstreamTimeout

T = TypeVar("T")
R = TypeVar("R", bound=Received)

CACHE_POLICY = CachePolicy(fresh_seconds=10, stale_seconds=60)


class ExternalApiNotConfigured(AppError):
    """No external service is configured."""

    status = 503
    code = "external_api_not_configured"
    title = "No external service is configured"
    remedy = "The operator of this service has to set EXTERNAL_API_URL."


class ExternalApi:
    """Reads through the cache; requests for several sources return the successful ones."""

    def __init__(self, upstream: Upstream, cache: Cache) -> None:
        self._upstream = upstream
        self._cache = cache

    async def resource(self, resource_id: str) -> ExternalRead:
        """Return one resource within 3 s.

        Raises:
            AppError: as `Upstream.get`.
        """
        return await self._read(f"/resources/{resource_id}", ExternalRead)

    async def aggregate(self) -> AggregateRead:
        """Return the resources of all sources."""
        calls = {source: self.resource(source) for source in SOURCES}
        results, errors = await gather_outcomes(calls)
        return AggregateRead(results=results, errors=errors)

    async def quotes(self, item_id: uuid.UUID) -> QuotesRead:
        """Return the quotes of all suppliers for the item, cheapest first."""
        calls = {supplier: self._quote(supplier, item_id) for supplier in SUPPLIERS}
        quotes, errors = await gather_outcomes(calls)
        quotes.sort(key=lambda quote: quote.price)
        return QuotesRead(item_id=item_id, quotes=quotes, errors=errors)

    async def _quote(self, supplier: str, item_id: uuid.UUID) -> QuoteRead:
        quote = await self._read(f"/suppliers/{supplier}/quotes/{item_id}", Quote)
        return QuoteRead(supplier=supplier, **quote.model_dump())

    async def _read(self, path: str, schema: type[R]) -> R:
        async def load() -> Any:
            response = await self._upstream.get(path)
            return parsed(response.body, schema).model_dump(mode="json")

        try:
            # Also bounds waiting for a load that another request or process has started.
            async with asyncio.timeout(DEADLINE_SECONDS):
                value = await self._cache.get(self._upstream.base_url + path, load, CACHE_POLICY)
        except TimeoutError:
            raise UpstreamTimeout from None
        return schema.model_validate(value)


def parsed(body: bytes, schema: type[R]) -> R:
    """Validate a response body.

    Raises:
        UnusableResponse: the body does not match the schema.
    """
    try:
        return schema.model_validate_json(body)
    except ValidationError:
        raise UnusableResponse("Another service sent an invalid response.") from None


async def gather_outcomes(
    calls: dict[str, Coroutine[Any, Any, T]],
) -> tuple[list[T], list[SourceError]]:
    """Run the calls concurrently; return the results and the errors by source."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(outcome(source, call)) for source, call in calls.items()]
    outcomes = [task.result() for task in tasks]
    errors = [each for each in outcomes if isinstance(each, SourceError)]
    return [each for each in outcomes if not isinstance(each, SourceError)], errors


async def outcome(source: str, call: Coroutine[Any, Any, T]) -> T | SourceError:
    try:
        return await call
    except AppError as error:
        return SourceError(source=source, code=error.code, detail=error.detail)
