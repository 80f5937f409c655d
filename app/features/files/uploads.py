"""Uploads: stored while they arrive, and discarded unless rows are written for them."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from app.config.settings import Settings
from app.db.dependencies import Reads
from app.errors import AppError, BadRequest, ContentTooLarge, DeadlineExceeded, Unavailable
from app.features.files import crud as files
from app.features.files.dependencies import QuotaDep, StorageDep
from app.features.files.form_parser import Form, Receiver, Upload
from app.features.files.lifespan import FileResources
from app.features.files.models import Quota, Usage
from app.features.files.multipart import MultipartReader
from app.features.files.schemas import MAX_BATCH, FileBatchDetails, FileDetails
from app.features.files.storage import Storage, discard
from app.http.concurrency_limiter import ConcurrencyLimiter
from app.resources import resources
from app.security.authentication import FileWriter

# Boundaries, headers and fields, for which no file pays.
OVERHEAD_BYTES = 32 * 1024
LENGTH = re.compile(r"[0-9]{1,18}")


class UploadTooSlow(AppError):
    status = 408
    code = "upload_too_slow"
    title = "Upload too slow"
    remedy = "Send the file again over a faster connection, or a smaller one."


def received(form: Form) -> Callable[..., AsyncIterator[Upload]]:
    """A dependency that stores the files of a form before the endpoint runs.

    The caller is known before a byte of the body is read, and no connection to the
    database is held while bytes arrive.
    """

    async def get_upload(
        request: Request, principal: FileWriter, reads: Reads, quota: QuotaDep, storage: StorageDep
    ) -> AsyncIterator[Upload]:
        settings: Settings = resources(request)[Settings]
        request.scope["max_body_bytes"] = (
            form.max_files * settings.max_upload_bytes + OVERHEAD_BYTES
        )
        request.scope["state"]["work"].stop_clock()  # It has a deadline of its own.
        limiter: ConcurrencyLimiter = resources(request)[FileResources].uploads
        with limiter.slot(principal.id):
            refuse_hopeless(request, await files.usage(reads, principal.id), quota)
            body = arriving(request, settings)
            reader = MultipartReader(request.headers.get("content-type", ""), body)
            async with kept_with_rows(storage, Upload(principal.id)) as upload:
                await Receiver(form, upload, storage, settings).receive(reader.parts())
                yield upload

    return get_upload


def refuse_hopeless(request: Request, usage: Usage, quota: Quota) -> None:
    """Spare the client an upload that the quota cannot hold; the exact count comes later."""
    declared = request.headers.get("content-length", "")
    length = int(declared) if LENGTH.fullmatch(declared) else 0
    quota.check(Usage(usage.size + max(1, length - OVERHEAD_BYTES), usage.files + 1))


async def arriving(request: Request, settings: Settings) -> AsyncIterator[bytes]:
    """The body, chunk by chunk, for as long as an upload may take and its client may pause.

    Raises:
        UploadTooSlow: one of the two is exceeded.
        BadRequest: the client has disconnected.
        ContentTooLarge: the body is larger than all files of a form may be.
    """
    stream, clock = request.stream(), asyncio.get_running_loop().time
    longest, pause = settings.upload_timeout_seconds, settings.upload_idle_timeout_seconds
    deadline = clock() + longest
    try:
        while True:
            async with asyncio.timeout_at(min(deadline, clock() + pause)):
                chunk = await anext(stream, b"")
            if not chunk:
                return
            yield chunk
    except TimeoutError as error:
        detail = f"An upload may take {longest:g} seconds and pause for {pause:g}."
        raise UploadTooSlow(detail) from error
    except ClientDisconnect as error:
        raise BadRequest("The client went away.") from error
    except HTTPException as error:
        raise precise(error) from error


def precise(error: HTTPException) -> Exception:
    if error.status_code == ContentTooLarge.status:
        return ContentTooLarge("The form is larger than its files may be together.")
    return error


@asynccontextmanager
async def kept_with_rows(storage: Storage, upload: Upload) -> AsyncIterator[Upload]:
    """Discard the objects, unless their rows are committed.

    Where nobody knows whether they are, because the connection broke in the commit, the
    sweep finds out later.
    """
    try:
        yield upload
    except BaseException as error:
        if not (upload.has_rows and is_undecided(error)):
            await discard(storage, upload.keys)
        raise
    if not upload.has_rows:
        await discard(storage, upload.keys)


def is_undecided(error: BaseException) -> bool:
    return not isinstance(error, AppError) or isinstance(error, Unavailable | DeadlineExceeded)


SingleUpload = Annotated[Upload, Depends(received(Form("file", 1, FileDetails)), scope="function")]
BatchUpload = Annotated[
    Upload, Depends(received(Form("files", MAX_BATCH, FileBatchDetails)), scope="function")
]
