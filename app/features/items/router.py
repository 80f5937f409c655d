"""Endpoints of items."""

import asyncio
from contextlib import aclosing
from itertools import chain
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response, status
from fastapi.responses import StreamingResponse
from pydantic_core import ErrorDetails

from app.db.dependencies import ReplicaReads, UnitOfWorkDep
from app.errors import NotFound, NotPermitted, PreconditionFailed, Unprocessable, Violation
from app.features.background_jobs.job import enqueue
from app.features.categories import crud as categories
from app.features.categories.scopes import ItemReader
from app.features.items import crud as items
from app.features.items.dependencies import (
    ItemFilters,
    ItemPagination,
    OwnDeletedItem,
    OwnItem,
    ReadableItem,
)
from app.features.items.export import ExportFormat, export
from app.features.items.export_limit import ExportSlot
from app.features.items.jobs import ProcessItem
from app.features.items.models import ItemRow
from app.features.items.openapi import EXPORT
from app.features.items.schemas import (
    BATCH_ROW,
    ITEMS_PER_SLICE,
    ItemBatch,
    ItemBatchRead,
    ItemBatchRow,
    ItemCreate,
    ItemRead,
    ItemUpdate,
)
from app.features.items.scopes import ItemWriter
from app.features.tasks.accepted_response import accepted_response
from app.features.tasks.dependencies import TaskCapacity
from app.features.tasks.errors import TooManyTasks
from app.features.tasks.schemas import TaskRead
from app.http.concurrency_limiter import TooManyAtOnce
from app.http.etag_response import etag_response
from app.http.problem_details import problem, responses, violations
from app.http.problem_schema import Problem
from app.http.schemas import Page
from app.http.unit_of_work import UnitOfWorkRoute
from app.security.authentication import charge

router = APIRouter(prefix="/items", tags=["items"], route_class=UnitOfWorkRoute)
# The rate limit counts a batch as one request, and one more for each hundred items.
ITEMS_PER_REQUEST = 100
CHANGES = responses(NotFound, NotPermitted, PreconditionFailed)


# Declared before `/{item_id}`, whose pattern it matches, too.
@router.get(
    "/export", response_class=StreamingResponse, responses=EXPORT | responses(TooManyAtOnce)
)
async def export_items(
    reads: ReplicaReads,
    _: ItemReader,
    slot: ExportSlot,
    filters: ItemFilters,
    request: Request,
    form: Annotated[
        ExportFormat, Query(alias="format", description="Format of the file.")
    ] = ExportFormat.NDJSON,
) -> StreamingResponse:
    """Download all items that match, as NDJSON or as CSV that is safe to open in a spreadsheet."""
    chunks = await slot.enter_async_context(aclosing(items.everything(reads, filters)))
    return await export(request, chunks, ItemRow, form, name="items")


@router.get("/{item_id}", response_model=ItemRead, responses=responses(NotFound))
async def read_item(item: ReadableItem, request: Request) -> Response:
    """Read one item."""
    return etag_response(request, ItemRead, item)


@router.get("", response_model=Page[ItemRead])
async def list_items(
    reads: ReplicaReads, _: ItemReader, filters: ItemFilters, pagination: ItemPagination
) -> Response:
    """List the items, newest first unless sorted otherwise."""
    page = await items.list_page(reads, pagination.page, filters)
    return pagination.respond(page, ItemRow)


@router.post("", response_model=ItemRead, status_code=status.HTTP_201_CREATED)
async def create_item(
    data: ItemCreate, uow: UnitOfWorkDep, principal: ItemWriter, request: Request
) -> Response:
    """Create an item; it is yours."""
    item = await items.create(uow, data, owner=principal)
    return etag_response(request, ItemRead, item, location=f"{request.url.path}/{item['id']}")


@router.post("/batch", response_model=ItemBatchRead)
async def create_items(
    batch: ItemBatch, uow: UnitOfWorkDep, principal: ItemWriter, request: Request
) -> Response:
    """Create up to 1,000 items; those that break a rule are reported one by one."""
    await charge(request, principal, len(batch.items) // ITEMS_PER_REQUEST)
    # Other requests run between parsing, validating and serializing a thousand items.
    checked = await batch.checked()
    await asyncio.sleep(0)
    checked.reject_categories(await categories.find_unknown(uow, checked.category_ids()))
    broken = {index: broken_rules(index, errors) for index, errors in checked.invalid.items()}
    if batch.atomic and broken:
        raise Unprocessable(violations=list(chain.from_iterable(broken.values())))
    await asyncio.sleep(0)
    created = await items.create_many(uow, list(checked.valid.values()), owner=principal)
    return await batch_response(request, dict(zip(checked.valid, created, strict=True)), broken)


@router.put("/{item_id}", response_model=ItemRead, responses=CHANGES)
async def replace_item(
    data: ItemCreate, item: OwnItem, uow: UnitOfWorkDep, request: Request
) -> Response:
    """Replace your item; omitted fields return to their defaults."""
    return etag_response(request, ItemRead, await items.replace(uow, item, data))


@router.patch("/{item_id}", response_model=ItemRead, responses=CHANGES)
async def update_item(
    data: ItemUpdate, item: OwnItem, uow: UnitOfWorkDep, request: Request
) -> Response:
    """Change fields of your item; those that you do not send stay."""
    return etag_response(request, ItemRead, await items.update(uow, item, data))


@router.delete("/{item_id}", status_code=204, response_class=Response, responses=CHANGES)
async def delete_item(item: OwnItem, uow: UnitOfWorkDep) -> None:
    """Delete your item; it can be restored."""
    await items.delete(uow, item)


@router.post("/{item_id}/restore", response_model=ItemRead, responses=CHANGES)
async def restore_item(item: OwnDeletedItem, uow: UnitOfWorkDep, request: Request) -> Response:
    """Restore your deleted item."""
    return etag_response(request, ItemRead, await items.restore(uow, item))


@router.post(
    "/{item_id}/process",
    response_model=TaskRead,
    status_code=202,
    responses={**CHANGES, **responses(TooManyTasks)},
)
async def process_item(
    item: OwnItem, uow: UnitOfWorkDep, principal: ItemWriter, _: TaskCapacity, request: Request
) -> Response:
    """Process your item; while a task for it is unfinished, the same task is returned."""
    job = ProcessItem(item_id=item.id)
    task_id = await enqueue(uow, job, owner_id=principal.id, key=str(item.id))
    return await accepted_response(request, uow, task_id)


def broken_rules(index: int, errors: list[ErrorDetails]) -> list[Violation]:
    place = ("body", "items", index)
    return violations({**error, "loc": (*place, *error["loc"])} for error in errors)


async def batch_response(
    request: Request, created: dict[int, ItemRow], broken: dict[int, list[Violation]]
) -> Response:
    """Return the results in the order of the batch, as an `ItemBatchRead` would be serialized.

    Without validating the rows, and in slices, between which other requests run.
    """
    results = {index: rejected_result(request, index, rules) for index, rules in broken.items()}
    for index, item in created.items():
        results[index] = ItemBatchRow(index=index, status=201, item=item, problem=None)
    parts: list[bytes] = []
    for number, index in enumerate(sorted(results)):
        if number % ITEMS_PER_SLICE == 0:
            await asyncio.sleep(0)
        parts.append(BATCH_ROW.to_json(results[index]))
    counts = b'"created":%d,"failed":%d' % (len(created), len(broken))
    content = b'{"results":[%s],%s}' % (b",".join(parts), counts)
    return Response(content, media_type="application/json")


def rejected_result(request: Request, index: int, rules: list[Violation]) -> ItemBatchRow:
    error = Problem(**problem(request.scope, Unprocessable(violations=rules)))
    return ItemBatchRow(index=index, status=422, item=None, problem=error)
