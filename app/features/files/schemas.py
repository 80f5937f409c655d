"""Schemas of files and upload forms."""

import uuid
from typing import Annotated
from urllib.parse import quote

from pydantic import BeforeValidator, Field

from app.http.problem_details import MESSAGES
from app.http.schemas import PARAGRAPH, RequestModel, ResponseModel, Storable, Stored

MAX_BATCH = 10
MAX_SIZE_BYTES = 2**63 - 1
SEGMENT = "[A-Za-z0-9_-][A-Za-z0-9._-]*"
UNQUOTABLE = str.maketrans('"\\%', "___")


def none_if_empty(value: str) -> str | None:
    """Convert the empty string that a form sends for an empty input to None."""
    return value or None


PATH = f"{SEGMENT}(/{SEGMENT})*"
MESSAGES[f"^{PATH}$"] = (
    "Use names of letters, digits, dots, hyphens and underscores, which do not start with a dot, "
    "and slashes between them"
)
# Of the seed data, so that an example that is executed untouched succeeds.
EXAMPLE_ID, EXAMPLE_PATH = "01900000-0000-7000-8000-000000005001", "docs/2026/report.pdf"
FilePath = Annotated[
    str,
    Field(
        min_length=1,
        max_length=500,
        pattern=f"^{PATH}$",
        examples=[EXAMPLE_PATH],
    ),
]
Description = Annotated[
    Storable, Field(max_length=500, examples=["The report of 2026."]), PARAGRAPH
]


class FileDetails(RequestModel):
    """The fields of the form beside the file."""

    description: Annotated[Description | None, BeforeValidator(none_if_empty)] = None
    """Text about the file; up to 500 characters."""
    path: Annotated[FilePath | None, BeforeValidator(none_if_empty)] = None
    """Path to read the file by, unique among your files."""


class FileBatchDetails(RequestModel):
    """None: a description or a path would have to say to which file it belongs."""


class FileRead(Stored):
    name: str = Field(max_length=255, examples=["report.pdf"])
    """Name of the file when it was uploaded, without folders."""
    path: str | None = Field(max_length=500, examples=[EXAMPLE_PATH])
    """Path to read the file by, unique among the files of its owner; or null."""
    description: str | None = Field(max_length=500, examples=["The report of 2026."])
    """Text about the file, or null."""
    size: Annotated[int, Field(gt=0, le=MAX_SIZE_BYTES, description="Size in bytes.")]
    sha256: str = Field(
        pattern="^[0-9a-f]{64}$",
        max_length=64,
        examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    )
    """SHA-256 of the bytes, in lowercase hexadecimal digits."""
    content_type: str = Field(max_length=100, examples=["application/pdf"])
    """Media type, detected from the bytes."""
    owner_id: uuid.UUID
    """Id of the user who uploaded the file."""


class FileBatchRead(ResponseModel):
    """In the order in which they were sent."""

    files: Annotated[list[FileRead], Field(max_length=MAX_BATCH)]
    """The stored files, in the order in which they were sent."""


def attachment(name: str) -> str:
    """Return Content-Disposition of a download (RFC 6266); the name is UTF-8 (RFC 8187)."""
    plain = name.encode("ascii", "replace").decode().translate(UNQUOTABLE)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
