"""Uploaded files; the content is stored as an object named by the id of the row."""

import unicodedata
import uuid
from dataclasses import dataclass

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Versioned, VersionedRow
from app.errors import Conflict, ContentTooLarge
from app.features.users.models.user import User
from app.runtime.text import UNSTORABLE, is_visible

MAX_NAME = 255
MAX_EXTENSION = 20
# Removed from names: control characters, separators of lines, and marks that make `exe.gpj`
# display as `jpg.exe`. Not removed: characters that are newer than Python's tables (Cn), and the
# joiners, without which Persian words and composed emoji are others.
INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
JOINERS = "\u200c\u200d"


class File(Versioned, Base):
    """An uploaded file. A row exists only while its complete object does."""

    __tablename__ = "files"
    __table_args__ = (
        CheckConstraint("size > 0", name="size_is_positive"),
        Index(
            "uq_files_owner_id_path",
            "owner_id",
            "path",
            unique=True,
            postgresql_where=text("path IS NOT NULL"),
        ),
        Index("ix_files_created_at", "created_at", "id"),
        Index("ix_files_name", "name", "id"),
        Index("ix_files_size", "size", "id"),
        Index("ix_files_content_type", "content_type", "created_at", "id"),
        # Includes the size, so that an owner's usage is summed by an index-only scan.
        Index("ix_files_owner_id", "owner_id", "created_at", "id", postgresql_include=["size"]),
    )

    name: Mapped[str] = mapped_column(String(MAX_NAME))
    path: Mapped[str | None] = mapped_column(String(500))
    description: Mapped[str | None] = mapped_column(String(500))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    content_type: Mapped[str] = mapped_column(String(100))
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))


class FileRow(VersionedRow):
    name: str
    path: str | None
    description: str | None
    size: int
    sha256: str
    content_type: str
    owner_id: uuid.UUID


class PathTaken(Conflict):
    code = "path_taken"
    title = "Path taken"
    remedy = "Choose another path, or delete the file that has this one."


class QuotaExceeded(ContentTooLarge):
    code = "quota_exceeded"
    title = "Quota exceeded"
    remedy = "Delete files that you no longer need."


@dataclass(frozen=True, slots=True)
class Usage:
    """Storage used by an owner."""

    size_bytes: int
    files: int


@dataclass(frozen=True, slots=True)
class Quota:
    """Storage limits of each owner."""

    size_bytes: int
    files: int

    def check(self, usage: Usage) -> None:
        """Check that the usage is within the limits.

        Raises:
            QuotaExceeded: there are too many bytes or too many files.
        """
        if usage.size_bytes > self.size_bytes:
            raise QuotaExceeded(f"Your files may take {self.size_bytes} bytes in total.")
        if usage.files > self.files:
            raise QuotaExceeded(f"You may have {self.files} files.")


def clean_name(name: str) -> str:
    """Return the last segment of a client's path: NFC, no invisible characters, bounded."""
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(filter(is_kept, UNSTORABLE.sub("", last)))
    cleaned = shortened(unicodedata.normalize("NFC", kept).strip().strip(" ."))
    return cleaned if is_visible(cleaned) else "unnamed"


def is_kept(letter: str) -> bool:
    return letter in JOINERS or unicodedata.category(letter) not in INVISIBLE


def shortened(name: str) -> str:
    """Truncate the stem and keep the extension, which identifies the type."""
    stem, dot, extension = name.rpartition(".")
    if len(name) <= MAX_NAME or len(extension) > MAX_EXTENSION:
        return name[:MAX_NAME]
    return stem[: MAX_NAME - len(extension) - 1] + dot + extension
