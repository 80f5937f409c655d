"""Upload dependency: stores files while they arrive, discards them unless rows are committed."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from app.db.dependencies import Reads
from app.errors import AppError, BadRequest, ContentTooLarge, DeadlineExceeded, Unavailable
from app.features.files import crud as files
from app.features.files.dependencies import QuotaDep, StorageDep
from app.features.files.form_parser import Form, FormParser, Upload
from app.features.files.lifespan import FileResources
from app.features.files.models import Quota, Usage
from app.features.files.multipart import MultipartReader
from app.features.files.schemas import MAX_BATCH, FileBatchDetails, FileDetails
from app.features.files.scopes import FileWriter
from app.features.files.settings import FileSettings
from app.features.files.storage import Storage, discard
from app.http.concurrency_limiter import ConcurrencyLimiter
from app.http.request_limits import limits_of
from app.resources import resources_of

# Boundaries, headers and fields, which do not count towards the size of the files.
OVERHEAD_BYTES = 32 * 1024
LENGTH = re.compile(r"[0-9]{1,18}")


class UploadTooSlow(AppError):
    status = 408
    code = "upload_too_slow"
    title = "Upload too slow"
    remedy = "Send the file again over a faster connection, or a smaller one."


def upload_dependency(form: Form) -> Callable[..., AsyncIterator[Upload]]:
    """Return a dependency that stores the files of a form before the endpoint runs.

    The caller is authenticated before the body is read, and no database connection is held
    while the body arrives.
    """

    async def get_upload(
        request: Request, principal: FileWriter, reads: Reads, quota: QuotaDep, storage: StorageDep
    ) -> AsyncIterator[Upload]:
        settings: FileSettings = resources_of(request)[FileSettings]
        request.scope["max_body_bytes"] = (
            form.max_files * settings.max_upload_bytes + OVERHEAD_BYTES
        )
        limits_of(request.scope).remove_deadline()  # Uploads have their own deadline.
        limiter: ConcurrencyLimiter = resources_of(request)[FileResources].uploads
        with limiter.slot(principal.id):
            reject_beyond_quota(request, await files.usage(reads, principal.id), quota)
            body = body_chunks(request, settings)
            reader = MultipartReader(request.headers.get("content-type", ""), body)
            async with discard_unless_committed(storage, Upload(principal.id)) as upload:
                await FormParser(form, upload, storage, settings).parse(reader.parts())
                yield upload

    return get_upload


def reject_beyond_quota(request: Request, usage: Usage, quota: Quota) -> None:
    """Reject early, by Content-Length, what exceeds the quota; the exact check follows later.

    Raises:
        QuotaExceeded: the declared length exceeds the quota.
    """
    declared = request.headers.get("content-length", "")
    length = int(declared) if LENGTH.fullmatch(declared) else 0
    quota.check(Usage(usage.size_bytes + max(1, length - OVERHEAD_BYTES), usage.files + 1))


async def body_chunks(request: Request, settings: FileSettings) -> AsyncIterator[bytes]:
    """Yield the chunks of the body, within a total timeout and an idle timeout.

    Raises:
        UploadTooSlow: one of the timeouts is exceeded.
        BadRequest: the client has disconnected.
        ContentTooLarge: the body exceeds the maximum size of the form.
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
        raise BadRequest("The client disconnected.") from error
    except HTTPException as error:
        raise body_error(error) from error


def body_error(error: HTTPException) -> Exception:
    if error.status_code == ContentTooLarge.status:
        return ContentTooLarge("The form is larger than its files may be together.")
    return error


@asynccontextmanager
async def discard_unless_committed(storage: Storage, upload: Upload) -> AsyncIterator[Upload]:
    """Discard the objects, unless their rows are committed.

    If the result of the commit is unknown because the connection broke, the objects stay and
    the orphan sweep decides later.
    """
    try:
        yield upload
    except BaseException as error:
        if not (upload.has_rows and is_commit_unknown(error)):
            await discard(storage, upload.keys)
        raise
    if not upload.has_rows:
        await discard(storage, upload.keys)


def is_commit_unknown(error: BaseException) -> bool:
    return not isinstance(error, AppError) or isinstance(error, Unavailable | DeadlineExceeded)


SINGLE = Form("file", 1, FileDetails)
BATCH = Form("files", MAX_BATCH, FileBatchDetails)
SingleUpload = Annotated[Upload, Depends(upload_dependency(SINGLE), scope="function")]
BatchUpload = Annotated[Upload, Depends(upload_dependency(BATCH), scope="function")]
