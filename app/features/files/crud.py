"""Queries and changes of the files table. Flushes; never commits."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Uuid, bindparam, cast, func, select

from app.db.errors import UniqueViolation
from app.db.executor import CompiledStatement, PoolReader, Row
from app.db.listing import Listing, PageRequest, PageRows
from app.db.unit_of_work import UnitOfWork
from app.errors import found
from app.features.files.models import File, PathTaken, Quota, Usage
from app.features.files.schemas import FileRead
from app.features.users.models.user import User
from app.observability import metrics

COLUMNS = [getattr(File, name) for name in FileRead.model_fields]

BY_ID = CompiledStatement(select(*COLUMNS).where(File.id == bindparam("id")))
BY_PATH = CompiledStatement(
    select(*COLUMNS).where(File.owner_id == bindparam("owner_id"), File.path == bindparam("path"))
)
EXISTING = CompiledStatement(
    select(File.id).where(File.id == func.any(bindparam("ids", type_=ARRAY(Uuid()))))
)
# PostgreSQL's sum of bigint is numeric.
SIZE = cast(func.coalesce(func.sum(File.size), 0), BigInteger)
USED = select(SIZE.label("size"), func.count(File.id).label("files"))
USAGE = CompiledStatement(USED.where(File.owner_id == bindparam("owner_id")))

LISTING = Listing(
    COLUMNS,
    where=[],
    filters={
        "owner_id": lambda: File.owner_id == bindparam("owner_id"),
        "content_type": lambda: File.content_type == bindparam("content_type"),
    },
    sorts={"name": File.name, "size": File.size, "created_at": File.created_at},
    default_sort=("-created_at",),
    key=File.id,
)


async def get(reads: PoolReader, file_id: uuid.UUID) -> Row:
    """Return the file as a row.

    Raises:
        NotFound: there is none.
    """
    return found(await reads.first(BY_ID, id=file_id), "file")


async def get_by_path(reads: PoolReader, owner_id: uuid.UUID, path: str) -> Row:
    """Return the owner's file at the path, as a row.

    Raises:
        NotFound: there is none.
    """
    return found(await reads.first(BY_PATH, owner_id=owner_id, path=path), "file")


async def get_for_change(uow: UnitOfWork, file_id: uuid.UUID) -> File:
    """Return the file, locked until the transaction ends.

    Raises:
        NotFound: there is none.
    """
    return found(
        await uow.session.scalar(select(File).where(File.id == file_id).with_for_update()), "file"
    )


async def list_page(
    reads: PoolReader, request: PageRequest, filters: Mapping[str, Any]
) -> PageRows:
    """Return one page of the files that match."""
    return await LISTING.page(reads, request, filters)


async def usage(reads: PoolReader, owner_id: uuid.UUID) -> Usage:
    """Return the owner's current usage; concurrent requests may change it."""
    row = await reads.first(USAGE, owner_id=owner_id)
    return Usage(**row) if row else Usage(0, 0)


async def create(
    uow: UnitOfWork, files: Sequence[File], *, owner_id: uuid.UUID, quota: Quota
) -> None:
    """Add files of one owner; the owner's other uploads wait until the transaction ends.

    Raises:
        QuotaExceeded: the owner's quota would be exceeded.
        PathTaken: the owner has another file at one of the paths.
    """
    await uow.session.execute(
        select(User.id).where(User.id == owner_id).with_for_update(key_share=True)
    )
    uow.session.add_all(files)
    try:
        await uow.session.flush()
    except UniqueViolation as error:
        raise PathTaken("You have another file at this path.") from error
    # A separate statement, so that its snapshot includes what earlier lock holders committed.
    used = (await uow.session.execute(USED.where(File.owner_id == owner_id))).one()
    quota.check(Usage(used.size, used.files))
    uow.when_committed(metrics.FILES_STORED.inc, len(files))
    uow.when_committed(metrics.STORED_BYTES.inc, sum(file.size for file in files))


async def delete(uow: UnitOfWork, file: File) -> None:
    await uow.session.delete(file)
    await uow.session.flush()


async def existing(reads: PoolReader, ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return those ids that have a file."""
    return {row["id"] for row in await reads.all(EXISTING, ids=list(ids))}
