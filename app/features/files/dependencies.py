"""Dependencies of the file endpoints: each file is loaded and authorized once."""

import uuid
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Path, Query, Request

from app.db.dependencies import Reads
from app.db.listing import Filters
from app.features.files import crud as files
from app.features.files.lifespan import FileResources
from app.features.files.models import FileRow, Quota
from app.features.files.schemas import EXAMPLE_ID, FilePath
from app.features.files.scopes import FileReader
from app.features.files.settings import FileSettings, MediaType
from app.features.files.storage import Storage
from app.http.pagination import Pagination, paginated
from app.resources import resources_of

FileId = Annotated[uuid.UUID, Path(description="Id of the file.", examples=[EXAMPLE_ID])]


async def get_storage(request: Request) -> Storage:
    return resources_of(request)[FileResources].storage


async def get_quota(request: Request) -> Quota:
    settings = resources_of(request)[FileSettings]
    return Quota(settings.upload_quota_bytes, settings.upload_quota_files)


async def get_download_slot(request: Request, principal: FileReader) -> AsyncIterator[None]:
    """Occupy a slot until the last byte is sent.

    Raises:
        TooManyAtOnce: the user has as many downloads as allowed.
        Overloaded: the process has as many downloads as allowed.
    """
    with resources_of(request)[FileResources].downloads.slot(principal.id):
        yield


async def get_file(file_id: FileId, reads: Reads, _: FileReader) -> FileRow:
    return await files.get(reads, file_id)


async def get_own_file_by_path(
    file_path: Annotated[FilePath, Path(description="Path that the file was uploaded with.")],
    reads: Reads,
    principal: FileReader,
) -> FileRow:
    return await files.get_by_path(reads, principal.id, file_path)


async def get_file_filters(
    owner_id: Annotated[uuid.UUID | None, Query(description="Uploaded by this user.")] = None,
    content_type: Annotated[MediaType | None, Query(description="Of this media type.")] = None,
) -> Filters:
    return {"owner_id": owner_id, "content_type": content_type}


DownloadSlot = Depends(get_download_slot)
StorageDep = Annotated[Storage, Depends(get_storage)]
QuotaDep = Annotated[Quota, Depends(get_quota)]
ReadableFile = Annotated[FileRow, Depends(get_file)]
OwnFileByPath = Annotated[FileRow, Depends(get_own_file_by_path)]
FileFilters = Annotated[Filters, Depends(get_file_filters)]
FilePagination = Annotated[Pagination, Depends(paginated(files.LISTING))]
