"""Endpoints of files: uploads and downloads."""

from fastapi import APIRouter, Request, Response, status

from app.db.dependencies import Reads, Transactions
from app.db.unit_of_work import UnitOfWork
from app.errors import (
    BadRequest,
    ContentTooLarge,
    NotFound,
    NotPermitted,
    PreconditionFailed,
    UnsupportedMediaType,
)
from app.features.files import crud as files
from app.features.files.byte_ranges import Content, RangeNotSatisfiable, content_response
from app.features.files.dependencies import (
    DownloadSlot,
    FileFilters,
    FileId,
    FilePagination,
    OwnFileByPath,
    QuotaDep,
    ReadableFile,
    StorageDep,
)
from app.features.files.form_parser import Upload
from app.features.files.models import FileRow, PathTaken, Quota, QuotaExceeded
from app.features.files.openapi import BATCH_BODY, CONTENT_ANSWERS, CONTENT_PARAMETERS, SINGLE_BODY
from app.features.files.schemas import FileBatchRead, FileRead, attachment
from app.features.files.scopes import FileReader, FileWriter
from app.features.files.settings import FileSettings
from app.features.files.storage import InsufficientStorage, StorageUnavailable, discard
from app.features.files.upload_idempotency import respond_to_upload_once
from app.features.files.uploads import BatchUpload, SingleUpload, UploadTooSlow
from app.http.concurrency_limiter import TooManyAtOnce
from app.http.etag_response import etag_response, success_status
from app.http.precondition_dependency import PreconditionDep
from app.http.problem_details import responses
from app.http.routes import ServiceRoute
from app.http.schemas import Page
from app.resources import resources_of
from app.security.authentication import permit_change

router = APIRouter(prefix="/files", tags=["files"], route_class=ServiceRoute)
UPLOADS = responses(
    BadRequest,
    UploadTooSlow,
    ContentTooLarge,
    TooManyAtOnce,
    QuotaExceeded,
    UnsupportedMediaType,
    StorageUnavailable,
    InsufficientStorage,
)


@router.get("", response_model=Page[FileRead])
async def list_files(
    reads: Reads, _: FileReader, filters: FileFilters, pagination: FilePagination
) -> Response:
    """List the files, newest first unless sorted otherwise."""
    page = await files.list_page(reads, pagination.page, filters)
    return pagination.respond(page, FileRow)


@router.post(
    "",
    response_model=FileRead,
    status_code=status.HTTP_201_CREATED,
    responses=UPLOADS | responses(PathTaken),
    openapi_extra=SINGLE_BODY,
)
async def create_file(
    upload: SingleUpload,
    quota: QuotaDep,
    open_transaction: Transactions,
    principal: FileWriter,
    request: Request,
) -> Response:
    """Upload a file; it is yours."""

    async def respond(uow: UnitOfWork) -> Response:
        await add_rows(uow, upload, quota)
        file = upload.files[0]
        location = f"{request.url.path}/{file.id}"
        return etag_response(request, FileRead, file, location=location)

    return await respond_to_upload_once(request, open_transaction, principal, upload, respond)


@router.post(
    "/batch",
    response_model=FileBatchRead,
    status_code=status.HTTP_201_CREATED,
    responses=UPLOADS,
    openapi_extra=BATCH_BODY,
)
async def create_files(
    upload: BatchUpload,
    quota: QuotaDep,
    open_transaction: Transactions,
    principal: FileWriter,
    request: Request,
) -> Response:
    """Upload up to 10 files; if one of them is rejected, none is stored."""

    async def respond(uow: UnitOfWork) -> Response:
        await add_rows(uow, upload, quota)
        created = FileBatchRead.model_validate(upload)
        return Response(
            created.model_dump_json(), success_status(request), media_type="application/json"
        )

    return await respond_to_upload_once(request, open_transaction, principal, upload, respond)


@router.get("/by-path/{file_path:path}", response_model=FileRead, responses=responses(NotFound))
async def read_file_by_path(file: OwnFileByPath, request: Request) -> Response:
    """Read the metadata of your file at a path."""
    return etag_response(request, FileRead, file)


@router.get("/{file_id}", response_model=FileRead, responses=responses(NotFound))
async def read_file(file: ReadableFile, request: Request) -> Response:
    """Read the metadata of a file."""
    return etag_response(request, FileRead, file)


@router.get(
    "/{file_id}/content",
    response_class=Response,
    dependencies=[DownloadSlot],
    responses=CONTENT_ANSWERS
    | responses(NotFound, RangeNotSatisfiable, StorageUnavailable, TooManyAtOnce),
    openapi_extra=CONTENT_PARAMETERS,
)
async def read_file_content(file: ReadableFile, storage: StorageDep, request: Request) -> Response:
    """Download a file, or a range of its bytes."""
    is_redirected = resources_of(request)[FileSettings].storage_redirects
    return await content_response(request, content_of(file), storage, is_redirected=is_redirected)


@router.delete(
    "/{file_id}",
    status_code=204,
    response_class=Response,
    responses=responses(NotFound, NotPermitted, PreconditionFailed),
)
async def delete_file(
    file_id: FileId,
    principal: FileWriter,
    precondition: PreconditionDep,
    open_transaction: Transactions,
    storage: StorageDep,
) -> None:
    """Delete your file, for good."""
    async with open_transaction() as uow:
        file = await files.get_for_change(uow, file_id)
        permit_change(principal, file.owner_id)
        precondition.check(file)
        await files.delete(uow, file)
    # After the commit: a row must never refer to a deleted object.
    await discard(storage, [str(file_id)])


async def add_rows(uow: UnitOfWork, upload: Upload, quota: Quota) -> None:
    await files.create(uow, upload.files, owner_id=upload.owner_id, quota=quota)
    upload.has_rows = True


def content_of(file: FileRow) -> Content:
    return Content(
        key=str(file["id"]),
        size_bytes=file["size"],
        content_type=file["content_type"],
        disposition=attachment(file["name"]),
        etag=f'"{file["sha256"]}"',
        modified_at=file["created_at"],
    )
