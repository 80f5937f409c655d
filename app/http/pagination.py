"""Pagination parameters: limit and cursor or skip, sort order, and an optional total."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated, Any, Generic, get_args
from urllib.parse import quote, urlencode

from fastapi import Query, Request, Response
from pydantic import BaseModel, TypeAdapter
from pydantic_core import SchemaSerializer
from typing_extensions import TypedDict

from app.db.executor import R
from app.db.listing import Listing, PageRequest, PageRows
from app.errors import Unprocessable, Violation
from app.http.absolute_urls import absolute_url, root_path
from app.http.cursors import CursorSigner, InvalidCursor
from app.http.resources import HttpResources
from app.http.schemas import OpaqueText
from app.resources import resources_of

MAX_SKIP = 10_000
# RFC 9745: the date of the deprecation, 2026-11-22. RFC 8594: the date when `skip` is removed.
DEPRECATED_SINCE = "@1795305600"
SUNSET = "Tue, 30 Nov 2027 00:00:00 GMT"
DEPRECATION_PAGE = "/docs"
POSITIONS = frozenset({"cursor", "skip"})  # Of a page, and not part of links to other pages.


@dataclass(frozen=True, slots=True)
class Pagination:
    """A page request, with the HTTP request that links are built from and the signer of cursors."""

    listing: Listing[Any]
    page: PageRequest
    request: Request
    response: Response
    signer: CursorSigner

    def respond(self, rows: PageRows[R], row_type: type[R] | None = None) -> Response:
        """Return the rows as the `response_model` of the route, with Link (RFC 8288).

        Serialized here and not by FastAPI, which processes each row twice.

        Args:
            row_type: type of rows that need no validation, which is two fifths of the cost; it has
                the fields of the schema.
        """
        position = [self.listing.name, self.page.sort, rows.last]
        cursor = self.signer.sign(position) if rows.last else None
        self.link(cursor)
        model: type[BaseModel] = self.request.scope["route"].response_model
        page = {"items": rows.items, "next_cursor": cursor, "total": rows.total}
        if row_type:
            content = page_serializer(row_type, model).to_json(page)
        else:
            content = model.__pydantic_serializer__.to_json(model.model_validate(page))
        response = Response(content, media_type="application/json")
        # FastAPI adds headers that dependencies set only to responses that it creates itself.
        response.raw_headers.extend(self.response.raw_headers)
        return response

    def link(self, cursor: str | None) -> None:
        """Set Link, and Deprecation and Sunset if `skip` is used."""
        address = absolute_url(self.request, quote(self.request.scope["path"]))
        # All of them are declared: the route table rejects others.
        given = self.request.query_params.multi_items()
        query = urlencode([(name, value) for name, value in given if name not in POSITIONS])
        links = [f'<{with_query(address, query)}>; rel="first"']
        if cursor:
            links.append(f'<{with_query(address, query, f"cursor={cursor}")}>; rel="next"')
        if self.page.skip:
            links.append(f'<{self.deprecation_page}>; rel="deprecation"; type="text/html"')
            self.response.headers["Deprecation"] = DEPRECATED_SINCE
            self.response.headers["Sunset"] = SUNSET
        self.response.headers["Link"] = ", ".join(links)

    @property
    def deprecation_page(self) -> str:
        return absolute_url(self.request, root_path(self.request) + DEPRECATION_PAGE)


class RowPage(TypedDict, Generic[R]):
    """The fields of `Page`, with rows in place of models."""

    items: list[R]
    next_cursor: str | None
    total: int | None


@cache
def page_serializer(row_type: Any, page: type[BaseModel]) -> SchemaSerializer:
    """Return a serializer of pages of rows that writes what the `Page` would after validation.

    Raises:
        TypeError: the rows have other fields than the schema, which says what clients may see.
    """
    (schema,) = get_args(page.model_fields["items"].annotation)
    if list(row_type.__annotations__) != list(schema.model_fields):
        raise TypeError(f"{row_type.__name__} has other fields than {schema.__name__}.")
    return TypeAdapter(RowPage[row_type]).serializer


Paginate = Callable[..., Awaitable[Pagination]]


def with_query(address: str, *queries: str) -> str:
    query = "&".join(filter(None, queries))
    return f"{address}?{query}" if query else address


Limit = Annotated[int, Query(ge=1, le=100, description="Rows on a page.")]
Skip = Annotated[int, Query(ge=0, le=MAX_SKIP, description="Rows to skip; above 0 deprecated.")]
Cursor = Annotated[
    OpaqueText | None,
    Query(max_length=2000, description="`next_cursor` of the page before."),
]
IncludeTotal = Annotated[bool, Query(description="Count all rows that match.")]


def sort_parameter(listing: Listing[Any]) -> Any:
    default = ",".join(listing.default_sort)
    names = ", ".join(listing.sorts)
    description = f"Fields of {names}; `-` for descending; {default} unless given."
    return Query(max_length=200, description=description, examples=[default])


def paginated_request(
    listing: Listing[Any],
    request: Request,
    response: Response,
    page: PageRequest,
    cursor: str | None,
) -> Pagination:
    signer = resources_of(request)[HttpResources].cursor_signer
    check_sort(page.sort, listing.sorts)
    if cursor is not None:
        page = continued(page, signer.read(cursor), listing)
    elif not page.sort:
        page = replace(page, sort=listing.default_sort)
    return Pagination(listing, page, request, response, signer)


def paginated(listing: Listing[Any]) -> Paginate:
    """Return a dependency for a list by cursor, or by `skip` as long as that is supported."""

    async def get_pagination(
        request: Request,
        response: Response,
        limit: Limit = 20,
        skip: Skip = 0,
        cursor: Cursor = None,
        sort: Annotated[OpaqueText | None, sort_parameter(listing)] = None,
        include_total: IncludeTotal = False,
    ) -> Pagination:
        page = PageRequest(limit, skip, split(sort), include_total=include_total)
        return paginated_request(listing, request, response, page, cursor)

    return get_pagination


def paginated_by_cursor(listing: Listing[Any]) -> Paginate:
    """Return a dependency for a list by cursor only."""

    async def get_pagination(
        request: Request,
        response: Response,
        limit: Limit = 20,
        cursor: Cursor = None,
        sort: Annotated[OpaqueText | None, sort_parameter(listing)] = None,
        include_total: IncludeTotal = False,
    ) -> Pagination:
        page = PageRequest(limit, 0, split(sort), include_total=include_total)
        return paginated_request(listing, request, response, page, cursor)

    return get_pagination


def split(sort: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in sort.split(",")) if sort else ()


def check_sort(names: tuple[str, ...], fields: Collection[str]) -> None:
    """Check that each name is a field that the list can be sorted by.

    Raises:
        Unprocessable: a name is unknown or repeated.
    """
    if not fields_of(names) <= set(fields) or len(fields_of(names)) < len(names):
        message = f"Sort by each of {', '.join(fields)} at most once"
        raise Unprocessable(violations=[Violation("/query/sort", message, "unknown_sort")])


def fields_of(names: Collection[str]) -> set[str]:
    return {name.removeprefix("-") for name in names}


def continued(page: PageRequest, signed: Any, listing: Listing[Any]) -> PageRequest:
    """Return the page that starts after the row of the cursor.

    Raises:
        InvalidCursor: the cursor is of another list or order, or `skip` was sent as well.
    """
    sort, after = tuple(signed[1]), tuple(signed[2])
    # Of another list, or of a field by which an earlier version could sort.
    is_foreign = signed[0] != listing.name or not fields_of(sort) <= set(listing.sorts)
    if is_foreign or (page.sort and sort != page.sort) or page.skip:
        raise InvalidCursor("A cursor is valid for its own list and sort order, without skip.")
    return replace(page, sort=sort, after=after)
