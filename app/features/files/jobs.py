"""Cleanup of orphaned objects: stored objects without a file row.

Objects are written before their rows and deleted after them, so that no row lacks its object;
a crash in between leaves an orphan.
"""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from app.db.executor import PoolReader
from app.db.resources import DatabaseResources
from app.features.files import crud as files
from app.features.files.lifespan import FileResources
from app.features.files.storage import Storage, discard
from app.observability.logging import get_logger
from app.resources import Resources
from app.runtime.clock import now

# Longer than any upload: see UPLOAD_TIMEOUT_SECONDS.
GRACE = timedelta(hours=1)
BATCH = 1000
UUID_LENGTH = 36

log = get_logger("orphan sweep")


async def sweep_orphans(resources: Resources) -> None:
    await sweep(resources[FileResources].storage, resources[DatabaseResources].reads)


async def sweep(storage: Storage, reads: PoolReader, *, grace: timedelta = GRACE) -> int:
    """Delete objects and unfinished uploads without a row that are older than `grace`.

    Returns their number. Objects whose names are not file ids are kept.
    """
    count = 0
    async for names in batches(storage.names(), before=now() - grace):
        known = await files.existing(reads, set(names.values()))
        orphans = [name for name, file_id in names.items() if file_id not in known]
        await discard(storage, orphans)
        count += len(orphans)
    if count:
        log.info("orphaned objects deleted", count=count)
    return count


async def batches(
    names: AsyncIterator[str], *, before: datetime
) -> AsyncIterator[dict[str, uuid.UUID]]:
    """Yield batches of names of objects begun before the time, with the file id of each."""
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
    """Return the timestamp of a version 7 UUID (RFC 9562, section 5.7)."""
    return datetime.fromtimestamp((file_id.int >> 80) / 1000, UTC)
