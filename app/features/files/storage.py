"""Storage port and its errors."""

import errno
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from obstore.exceptions import BaseError

from app.errors import AppError, Unavailable
from app.observability.logging import get_logger

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# The same conditions in error texts of obstore and of S3 vendors.
FULL_TEXT = re.compile(
    rf"os error ({'|'.join(map(str, FULL))})\b|\b507 Insufficient Storage|XMinioStorageFull"
)

log = get_logger("storage")


class InsufficientStorage(AppError):
    """RFC 4918, section 11.5."""

    status = 507
    code = "insufficient_storage"
    title = "Insufficient storage"
    remedy = "Nothing was stored. Repeat the request later; the operators have to free space."


class StorageUnavailable(Unavailable):
    code = "storage_unavailable"
    title = "The storage is unavailable"


@dataclass(frozen=True, slots=True)
class Download:
    """Headers that the storage sends with an object when it serves a signed URL."""

    content_type: str
    disposition: str


class Storage(Protocol):
    """The port. All methods raise StorageUnavailable if the storage is unreachable."""

    async def write(self, key: str, chunks: AsyncIterator[bytes], download: Download) -> None:
        """Store an object completely or not at all; errors of `chunks` are propagated.

        Raises:
            InsufficientStorage: the storage is full.
        """
        ...

    async def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Open the bytes from `start` up to, not including, `end`.

        Raises:
            NotFound: there is no such object.
        """
        ...

    async def delete(self, name: str) -> None:
        """Delete an object or an unfinished upload by name; a missing one is ignored."""
        ...

    def names(self) -> AsyncIterator[str]:
        """List stored objects and unfinished uploads. Each name starts with the object's key."""
        ...

    async def is_available(self) -> bool:
        """Return whether the storage is available now."""
        ...

    async def signed_url(self, key: str) -> str | None:
        """Return a URL that serves the object for one minute, or None if unsupported."""
        ...


async def discard(storage: Storage, keys: Iterable[str]) -> None:
    """Delete unreferenced objects; the orphan sweep retries failed deletions."""
    for key in keys:
        try:
            await storage.delete(key)
        except AppError as error:
            log.warning("object deletion failed", key=key, reason=type(error).__name__)


@contextmanager
def storage_errors() -> Iterator[None]:
    """Convert errors of obstore and the file system to application errors.

    Raises:
        InsufficientStorage: the storage is full.
        StorageUnavailable: any other error.
    """
    try:
        yield
    except (BaseError, OSError) as error:
        raise (InsufficientStorage if is_full(error) else StorageUnavailable) from error


def is_full(error: BaseError | OSError) -> bool:
    number = error.errno if isinstance(error, OSError) else None
    return number in FULL or FULL_TEXT.search(str(error)) is not None
