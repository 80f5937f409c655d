"""Lifespan: the storage, and the limiters of uploads and downloads."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.features.files.object_storage import create_storage
from app.features.files.settings import FileSettings
from app.features.files.storage import Storage
from app.http.concurrency_limiter import ConcurrencyLimiter
from app.startup import Startup


@dataclass(frozen=True, slots=True)
class FileResources:
    storage: Storage
    uploads: ConcurrencyLimiter
    downloads: ConcurrencyLimiter


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[FileResources]:
    settings = startup.settings.of(FileSettings)
    storage = create_storage(settings.storage_url)
    startup.health.add("storage", storage.is_available)
    yield FileResources(
        storage, uploads=upload_limiter(settings), downloads=download_limiter(settings)
    )


def upload_limiter(settings: FileSettings) -> ConcurrencyLimiter:
    return ConcurrencyLimiter(
        "uploads", per_user=settings.uploads_per_user, per_process=settings.uploads_per_process
    )


def download_limiter(settings: FileSettings) -> ConcurrencyLimiter:
    return ConcurrencyLimiter(
        "downloads",
        per_user=settings.downloads_per_user,
        per_process=settings.downloads_per_process,
    )
