"""Delete what takes space in the storage and belongs to no file.

Objects come before their rows and outlive them, so that no row lacks its object; a crash
in between leaves an object that nobody refers to.
"""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from app.db.executor import ReadPool
from app.db.resources import DatabaseResources
from app.features.files import crud as files
from app.features.files.lifespan import FileResources
from app.features.files.storage import Storage, discard
from app.observability.logging import get_logger
from app.resources import Resources
from app.runtime.clock import now

# No upload takes that long: see UPLOAD_TIMEOUT_SECONDS.
GRACE = timedelta(hours=1)
BATCH = 1000
UUID_LENGTH = 36

log = get_logger("orphan sweep")


async def sweep_orphans(resources: Resources) -> None:
    await sweep(resources[FileResources].storage, resources[DatabaseResources].reads)


async def sweep(storage: Storage, reads: ReadPool, *, grace: timedelta = GRACE) -> int:
    """Delete the objects, finished or not, that have no row and were begun before `grace`.

    Returns how many there were; what does not carry a name of ours is left alone.
    """
    count = 0
    async for names in batches(storage.names(), before=now() - grace):
        known = await files.existing(reads, set(names.values()))
        orphans = [name for name, file_id in names.items() if file_id not in known]
        await discard(storage, orphans)
        count += len(orphans)
    if count:
        log.info("orphans deleted", count=count)
    return count


async def batches(
    names: AsyncIterator[str], *, before: datetime
) -> AsyncIterator[dict[str, uuid.UUID]]:
    """The names of those begun before, each with the id of the file that it would be."""
    batch: dict[str, uuid.UUID] = {}
    async for name in names:
        file_id = file_id_of(name)
        if file_id is not None and begun_at(file_id) < before:
            batch[name] = file_id
        if len(batch) == BATCH:
            yield batch
            batch = {}
    if batch:
        yield batch


def file_id_of(name: str) -> uuid.UUID | None:
    try:
        file_id = uuid.UUID(name[:UUID_LENGTH])
    except ValueError:
        return None
    return file_id if file_id.version == 7 and name.startswith(str(file_id)) else None  # noqa: PLR2004  (uuid7)


def begun_at(file_id: uuid.UUID) -> datetime:
    """The time in a UUID of version 7 (RFC 9562, section 5.7)."""
    return datetime.fromtimestamp((file_id.int >> 80) / 1000, UTC)
