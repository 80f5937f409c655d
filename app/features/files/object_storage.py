"""Object storage through obstore: a local folder, or a bucket of an S3-compatible service."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import obstore
from obstore.store import LocalStore, from_url

from app.errors import NotFound
from app.features.files.storage import Download, Storage, storage_errors

# The minimum part size of S3, except for the last part. An upload takes twice this in memory.
PART_BYTES = 5 * 1024 * 1024
CHUNK_BYTES = 256 * 1024
# A key that never exists: "not found" proves that the storage is available.
NO_OBJECT = "health"
SIGNED_URL_LIFETIME = timedelta(minutes=1)
CLIENT: Any = {
    "connect_timeout": timedelta(seconds=2),
    # Per read; the whole request may last as long as the download of a slow client.
    "read_timeout": timedelta(seconds=10),
    "timeout": timedelta(hours=1),
    # For storage on the own network; the operator selects AWS_ENDPOINT.
    "allow_http": True,
}
RETRIES: Any = {"max_retries": 2, "retry_timeout": timedelta(seconds=10)}


class BucketStorage:
    """S3-compatible storage. Unfinished uploads are not listed: a lifecycle rule must end them."""

    def __init__(self, url: str) -> None:
        self._store: Any = from_url(url, client_options=CLIENT, retry_config=RETRIES)

    async def write(self, key: str, chunks: AsyncIterator[bytes], download: Download) -> None:
        headers = {
            "Content-Type": download.content_type,
            "Content-Disposition": download.disposition,
        }
        with storage_errors():
            await put(self._store, key, chunks, headers)

    async def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        with storage_errors():
            return await get(self._store, key, start, end)

    async def delete(self, name: str) -> None:
        with storage_errors():
            await obstore.delete_async(self._store, name)

    async def names(self) -> AsyncIterator[str]:
        with storage_errors():
            async for page in obstore.list(self._store):
                for entry in page:
                    yield entry["path"]

    async def is_available(self) -> bool:
        with storage_errors(), suppress(FileNotFoundError):
            await obstore.head_async(self._store, NO_OBJECT)
        return True

    async def signed_url(self, key: str) -> str | None:
        with storage_errors():
            return await obstore.sign_async(self._store, "GET", key, SIGNED_URL_LIFETIME)


class FolderStorage:
    """A local folder. An unfinished upload is stored as `<key>#1`, which obstore hides."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    @cached_property
    def _store(self) -> LocalStore:
        # Created on first use: with a read-only folder the service starts, and only uploads fail.
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return LocalStore(self._folder)

    async def write(self, key: str, chunks: AsyncIterator[bytes], _: Download) -> None:
        with storage_errors():
            await put(self._store, key, chunks)
            try:
                await asyncio.to_thread(self._sync, key)
            except OSError:
                await self.delete(key)
                raise

    async def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        with storage_errors():
            return await get(self._store, key, start, end)

    async def delete(self, name: str) -> None:
        with storage_errors():
            await asyncio.to_thread((self._folder / name).unlink, missing_ok=True)

    async def names(self) -> AsyncIterator[str]:
        with storage_errors():
            self._store  # noqa: B018  (makes the folder)
            for name in await asyncio.to_thread(os.listdir, self._folder):
                yield name

    async def is_available(self) -> bool:
        with storage_errors():
            self._store  # noqa: B018  (makes the folder)
            return await asyncio.to_thread(os.access, self._folder, os.W_OK)

    async def signed_url(self, _: str) -> str | None:
        return None

    def _sync(self, key: str) -> None:
        """Sync object and folder, so that a power cut loses no object of a committed row."""
        for path in (self._folder / key, self._folder):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def create_storage(url: str) -> Storage:
    """Return the storage for a URL or a folder; opens nothing yet."""
    return BucketStorage(url) if "://" in url else FolderStorage(Path(url))


async def put(
    store: Any, key: str, chunks: AsyncIterator[bytes], headers: dict[str, str] | None = None
) -> None:
    await obstore.put_async(
        store, key, chunks, attributes=headers, chunk_size=PART_BYTES, max_concurrency=1
    )


async def get(store: Any, key: str, start: int, end: int) -> AsyncIterator[bytes]:
    """Open a range of bytes, with exclusive `end`.

    Raises:
        NotFound: the object does not exist.
    """
    try:
        opened = await obstore.get_async(store, key, options={"range": (start, end)})
    except FileNotFoundError as error:
        raise NotFound("The content of the file no longer exists.") from error
    return streamed(opened.stream(min_chunk_size=CHUNK_BYTES))


async def streamed(stream: Any) -> AsyncIterator[bytes]:
    with storage_errors():
        async for chunk in stream:
            yield bytes(chunk)
