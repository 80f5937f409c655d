"""Form parser for uploads: processes parts in order, then reports all violations together."""

import hashlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from app.errors import ContentTooLarge
from app.features.files.models import File
from app.features.files.multipart import Part
from app.features.files.schemas import MAX_BATCH
from app.features.files.settings import FileSettings
from app.features.files.storage import Storage
from app.features.files.upload_processing import FileProcessor
from app.http.charset import declared_charset, decoded, invalid_text
from app.http.schemas import RequestModel

MAX_FIELD_BYTES = 4096
MAX_PARTS = 2 * MAX_BATCH
CHARSET_FIELD = "_charset_"  # RFC 7578, section 4.6


@dataclass(slots=True)
class Upload:
    """Files whose objects are stored but whose rows are not written yet."""

    owner_id: uuid.UUID
    files: list[File] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    has_rows: bool = False

    @property
    def keys(self) -> list[str]:
        return [str(file.id) for file in self.files]

    def fingerprint(self, path: str) -> bytes:
        """Return a hash of path, fields and files that does not depend on the boundary."""
        sent = [(file.name, file.content_type, file.sha256) for file in self.files]
        return hashlib.sha256(repr((path, sorted(self.fields.items()), sent)).encode()).digest()


@dataclass(frozen=True, slots=True)
class Form:
    """Definition of a form: files in one field, and the fields of a schema."""

    files_field: str
    max_files: int
    details: type[RequestModel]


class FormParser:
    """Processes the parts of a form in order."""

    def __init__(
        self, form: Form, upload: Upload, storage: Storage, settings: FileSettings
    ) -> None:
        self._form = form
        self._upload = upload
        self._storage = storage
        self._settings = settings
        self._charset = "utf-8"

    async def parse(self, parts: AsyncIterator[Part]) -> None:
        """Store the files, then validate the form and report all violations.

        Raises:
            ContentTooLarge: the form has too many parts, or a field or file is too large.
            RequestValidationError: a field is missing, unknown or invalid.
        """
        count = 0
        async for part in parts:
            count += 1
            if count > MAX_PARTS:
                raise ContentTooLarge(f"A form may have {MAX_PARTS} parts.")
            await self._process(part)
        self._check()

    async def _process(self, part: Part) -> None:
        if part.head.name == CHARSET_FIELD:
            self._charset = decoded(await field_bytes(part), "body", CHARSET_FIELD)
        elif part.head.name != self._form.files_field:
            await self._process_field(part)
        elif len(self._upload.files) < self._form.max_files:
            await self._process_file(part)
        elif part.head.filename or await field_bytes(part):
            raise RequestValidationError([self._error("too_long", "There are too many files")])

    async def _process_field(self, part: Part) -> None:
        name = part.head.name
        if name in self._upload.fields:
            raise invalid_text("repeated_field", "The field may be sent once", ("body", name))
        charset = declared_charset(part.head.content_type, default=self._charset)
        self._upload.fields[name] = decoded(await field_bytes(part), "body", name, charset=charset)

    async def _process_file(self, part: Part) -> None:
        processor = FileProcessor(part, self._settings)
        file = await processor.store(self._storage, self._upload.owner_id)
        if file is not None:
            self._upload.files.append(file)
        elif part.head.filename:
            raise RequestValidationError([self._error("file_empty", "The file is empty")])
        # Otherwise it is the empty file input of an HTML form: ignored.

    def _check(self) -> None:
        errors = [] if self._upload.files else [self._error("missing", "Field required")]
        try:
            details = self._form.details.model_validate(self._upload.fields)
        except ValidationError as error:
            errors += [{**each, "loc": ("body", *each["loc"])} for each in error.errors()]
        if errors:
            raise RequestValidationError(errors)
        for file in self._upload.files:
            for name, value in details:
                setattr(file, name, value)

    def _error(self, code: str, message: str) -> dict[str, Any]:
        return {"type": code, "loc": ("body", self._form.files_field), "msg": message}


async def field_bytes(part: Part) -> bytes:
    """Read a field of the form.

    Raises:
        ContentTooLarge: the field is larger than MAX_FIELD_BYTES.
    """
    value = b""
    async for chunk in part.data:
        value += chunk
        if len(value) > MAX_FIELD_BYTES:
            raise ContentTooLarge(f"A field of the form may have {MAX_FIELD_BYTES} bytes.")
    return value
