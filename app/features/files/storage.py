"""Stored bytes: the port, and what can go wrong behind it."""

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
# The same in the words of obstore, and what vendors of S3 say.
FULL_TEXT = re.compile(
    rf"os error ({'|'.join(map(str, FULL))})\b|\b507 Insufficient Storage|XMinioStorageFull"
)

log = get_logger("storage")


class InsufficientStorage(AppError):
    """RFC 4918, section 11.5."""

    status = 507
    code = "insufficient_storage"
    title = "Insufficient storage"
    remedy = "Nothing was kept. Repeat the request later; the operators have to make room."


class StorageUnavailable(Unavailable):
    code = "storage_unavailable"
    title = "The storage is unavailable"


@dataclass(frozen=True, slots=True)
class Download:
    """What the storage itself says of an object when it serves a signed URL."""

    content_type: str
    disposition: str


class Storage(Protocol):
    """The port. All of it raises StorageUnavailable when the storage is away."""

    async def write(self, key: str, chunks: AsyncIterator[bytes], download: Download) -> None:
        """Store an object whole or not at all; an error of `chunks` passes through.

        Raises:
            InsufficientStorage: there is no room for it.
        """
        ...

    async def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Open the bytes from `start` up to, not including, `end`.

        Raises:
            NotFound: there is no such object.
        """
        ...

    async def delete(self, name: str) -> None:
        """Delete an object, or what `names` gave; it may be gone already."""
        ...

    def names(self) -> AsyncIterator[str]:
        """All that takes space: each starts with the key that it was written under."""
        ...

    async def answers(self) -> bool:
        """Whether it could be written to now."""
        ...

    async def signed_url(self, key: str) -> str | None:
        """A URL that anybody can read the object from for a minute, where there are such."""
        ...


async def discard(storage: Storage, keys: Iterable[str]) -> None:
    """Delete objects to which nothing refers; what fails is left to the sweep."""
    for key in keys:
        try:
            await storage.delete(key)
        except AppError as error:
            log.warning("object not deleted", key=key, reason=type(error).__name__)


@contextmanager
def storage_errors() -> Iterator[None]:
    """Translate what obstore and the file system raise inside."""
    try:
        yield
    except (BaseError, OSError) as error:
        raise (InsufficientStorage if is_full(error) else StorageUnavailable) from error


def is_full(error: BaseError | OSError) -> bool:
    number = error.errno if isinstance(error, OSError) else None
    return number in FULL or FULL_TEXT.search(str(error)) is not None
