"""Forms with files: every part in turn, then every broken rule at once."""

import hashlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from app.config.settings import Settings
from app.errors import ContentTooLarge
from app.features.files.models import File
from app.features.files.multipart import Part
from app.features.files.schemas import MAX_BATCH
from app.features.files.storage import Storage
from app.features.files.upload_processing import Intake
from app.http.charset import declared_charset, decoded
from app.http.schemas import In

MAX_FIELD_BYTES = 4096
MAX_PARTS = 2 * MAX_BATCH
CHARSET_FIELD = "_charset_"  # RFC 7578, section 4.6


@dataclass(slots=True)
class Upload:
    """Files whose objects are stored and which have no rows yet."""

    owner_id: uuid.UUID
    files: list[File] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    has_rows: bool = False

    @property
    def keys(self) -> list[str]:
        return [str(file.id) for file in self.files]

    def fingerprint(self, path: str) -> bytes:
        """The same for the same files and fields, whatever the boundary between them."""
        sent = [(file.name, file.content_type, file.sha256) for file in self.files]
        return hashlib.sha256(repr((path, sorted(self.fields.items()), sent)).encode()).digest()


@dataclass(frozen=True, slots=True)
class Form:
    """What a form may hold: files in one field, and the fields of a schema."""

    files_field: str
    max_files: int
    details: type[In]


class Receiver:
    """Takes the parts of a form, one after the other."""

    def __init__(self, form: Form, upload: Upload, storage: Storage, settings: Settings) -> None:
        self._form = form
        self._upload = upload
        self._storage = storage
        self._settings = settings
        self._charset = "utf-8"

    async def receive(self, parts: AsyncIterator[Part]) -> None:
        """Store the files, then hold the form against its rules, to name every broken one.

        Raises:
            RequestValidationError: a field is missing, unknown or invalid.
        """
        count = 0
        async for part in parts:
            count += 1
            if count > MAX_PARTS:
                raise ContentTooLarge(f"A form may have {MAX_PARTS} parts.")
            await self._take(part)
        self._check()

    async def _take(self, part: Part) -> None:
        if part.head.name == CHARSET_FIELD:
            self._charset = decoded(await field_bytes(part), "body", CHARSET_FIELD)
        elif part.head.name != self._form.files_field:
            await self._take_field(part)
        elif len(self._upload.files) < self._form.max_files:
            await self._take_file(part)
        elif part.head.filename or await field_bytes(part):
            raise RequestValidationError([self._error("too_long", "There are too many files")])

    async def _take_field(self, part: Part) -> None:
        name = part.head.name
        charset = declared_charset(part.head.content_type, default=self._charset)
        self._upload.fields[name] = decoded(await field_bytes(part), "body", name, charset=charset)

    async def _take_file(self, part: Part) -> None:
        file = await Intake(part, self._settings).store(self._storage, self._upload.owner_id)
        if file is not None:
            self._upload.files.append(file)
        elif part.head.filename:
            raise RequestValidationError([self._error("file_empty", "The file is empty")])
        # Else an input of a page in which nothing was chosen.

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
    value = b""
    async for chunk in part.data:
        value += chunk
        if len(value) > MAX_FIELD_BYTES:
            raise ContentTooLarge(f"A field of the form may have {MAX_FIELD_BYTES} bytes.")
    return value
