"""Settings of files."""

from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from app.config.setting_types import Seconds, decoded
from app.config.settings_group import SettingsGroup

# Those that media_types.py detects; not SVG and HTML, which run scripts.
MediaType = Literal[
    "application/json",
    "application/pdf",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "text/csv",
    "text/plain",
]
MediaTypes = Annotated[frozenset[MediaType], NoDecode, BeforeValidator(decoded)]


class FileSettings(SettingsGroup):
    # A folder, or s3://bucket/prefix, gs:// or az://, with credentials from the environment.
    storage_url: str = Field(default=".data/files", pattern=r"^((s3|gs|az)://.+|[^:]+)$")
    storage_redirects: bool = False
    max_upload_bytes: int = Field(default=20 * 1024 * 1024, ge=1, le=5 * 1024**3)
    upload_quota_bytes: int = Field(default=1024**3, ge=0)
    upload_quota_files: int = Field(default=10_000, ge=0)
    upload_media_types: MediaTypes = frozenset(get_args(MediaType))
    uploads_per_user: int = Field(default=16, ge=1, le=1000)
    uploads_per_process: int = Field(default=64, ge=1, le=10_000)
    downloads_per_user: int = Field(default=16, ge=1, le=1000)
    downloads_per_process: int = Field(default=256, ge=1, le=10_000)
    upload_timeout_seconds: float = Field(default=900, gt=0, le=3000, allow_inf_nan=False)
    upload_idle_timeout_seconds: Seconds = 20


group = FileSettings
