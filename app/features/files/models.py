"""Files that people uploaded; the bytes lie in the storage under the id of the row."""

import unicodedata
import uuid
from dataclasses import dataclass

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Versioned
from app.errors import Conflict, ContentTooLarge
from app.features.users.models.user import User

MAX_NAME = 255
MAX_EXTENSION = 20
# What neither a person nor a terminal should meet in a name: controls, and marks that make
# `exe.gpj` look like `jpg.exe` (Unicode categories Cc, Cf, Cs, Co and Cn).
INVISIBLE = "C"


class File(Versioned, Base):
    """One upload. A row exists only while its whole object does."""

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
        # With the size, so that what an owner uses is summed without reading the rows.
        Index("ix_files_owner_id", "owner_id", "created_at", "id", postgresql_include=["size"]),
    )

    name: Mapped[str] = mapped_column(String(MAX_NAME))
    path: Mapped[str | None] = mapped_column(String(500))
    description: Mapped[str | None] = mapped_column(String(500))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    content_type: Mapped[str] = mapped_column(String(100))
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))


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
    """What somebody stores; sizes in bytes."""

    size: int
    files: int


@dataclass(frozen=True, slots=True)
class Quota:
    """What everybody may store; sizes in bytes."""

    size: int
    files: int

    def check(self, usage: Usage) -> None:
        """Refuse what goes beyond.

        Raises:
            QuotaExceeded: there are too many bytes or too many files.
        """
        if usage.size > self.size:
            raise QuotaExceeded(f"Your files may take {self.size} bytes in total.")
        if usage.files > self.files:
            raise QuotaExceeded(f"You may have {self.files} files.")


def clean_name(name: str) -> str:
    """The last part of a client's path, in NFC, without what cannot be seen, of bounded length."""
    last = name.replace("\\", "/").rpartition("/")[2]
    visible = "".join(part for part in last if unicodedata.category(part)[0] != INVISIBLE)
    return shortened(unicodedata.normalize("NFC", visible).strip(" .")) or "unnamed"


def shortened(name: str) -> str:
    """Shortened before its extension, by which people and programs know it."""
    stem, dot, extension = name.rpartition(".")
    if len(name) <= MAX_NAME or len(extension) > MAX_EXTENSION:
        return name[:MAX_NAME]
    return stem[: MAX_NAME - len(extension) - 1] + dot + extension
