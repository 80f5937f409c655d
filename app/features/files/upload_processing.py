"""Upload processing: detects, measures, hashes and validates a file while it is stored."""

import hashlib
import uuid
from collections.abc import AsyncIterator

from app.errors import ContentTooLarge, UnsupportedMediaType
from app.features.files.media_types import HEAD_BYTES, TextCheck, detect
from app.features.files.models import File, clean_name
from app.features.files.multipart import Part
from app.features.files.schemas import attachment
from app.features.files.settings import FileSettings, MediaType
from app.features.files.storage import Download, Storage
from app.runtime.ids import uuid7


class FileProcessor:
    """Validates and stores one file of a form."""

    def __init__(self, part: Part, settings: FileSettings) -> None:
        self.name = clean_name(part.head.filename)
        self.size = 0
        self._declared = part.head.content_type
        self._data = part.data
        self._settings = settings
        self._hash = hashlib.sha256()

    async def store(self, storage: Storage, owner_id: uuid.UUID) -> File | None:
        """Store the object and return the file, whose row is not written yet; None if empty.

        Raises:
            UnsupportedMediaType: its type is unknown or not allowed.
            ContentTooLarge: it exceeds the maximum size.
            InsufficientStorage: the storage is full.
        """
        head = await self._head()
        if not head:
            return None
        key, kind = uuid7(), self._detected(head)
        download = Download(kind, attachment(self.name))
        await storage.write(str(key), self._checked(head, TextCheck(kind)), download)
        return File(
            id=key,
            name=self.name,
            size=self.size,
            sha256=self._hash.hexdigest(),
            content_type=kind,
            owner_id=owner_id,
        )

    async def _head(self) -> bytes:
        head = b""
        while len(head) < HEAD_BYTES and (chunk := await anext(self._data, b"")):
            head += chunk
        return head

    def _detected(self, head: bytes) -> MediaType:
        kind = detect(head, declared=self._declared, name=self.name)
        if kind not in self._settings.upload_media_types:
            raise UnsupportedMediaType("Files of this kind are not stored here.")
        return kind

    async def _checked(self, head: bytes, text: TextCheck) -> AsyncIterator[bytes]:
        """Yield the whole content; raise at the first chunk that violates a rule."""
        chunk = head
        while chunk:
            self._count(len(chunk))
            self._hash.update(chunk)
            text.feed(chunk)
            yield chunk
            chunk = await anext(self._data, b"")
        text.feed(b"", is_last=True)

    def _count(self, size: int) -> None:
        self.size += size
        if self.size > self._settings.max_upload_bytes:
            raise ContentTooLarge(f"A file may have {self._settings.max_upload_bytes} bytes.")
