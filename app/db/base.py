"""Declarative base of all tables: primary key, timestamps, row version, constraint names."""

import enum
import uuid
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import DateTime, Enum, MetaData, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column
from typing_extensions import TypedDict

from app.runtime.ids import uuid7


class Base(DeclarativeBase):
    # Named constraints, so that Alembic can drop them and errors can be distinguished.
    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    # Without a time zone PostgreSQL would take a datetime for server-local time.
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB(none_as_null=True),
    }
    # RETURNING fetches server defaults; a lazy refresh would be implicit I/O.
    __mapper_args__: dict[str, Any] = {"eager_defaults": True}  # noqa: RUF012  (SQLAlchemy's type)

    # Known before the INSERT, so that the rows of a bulk insert can be matched to their results.
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Versioned:
    """Mixin for mutable rows: `version` grows by one with each update and is the ETag.

    SQLAlchemy adds `WHERE version = <version read>` to UPDATE and DELETE: of two concurrent
    changes one fails instead of being lost.
    """

    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
    version: Mapped[int] = mapped_column(server_default="1")

    @declared_attr.directive
    @classmethod
    def __mapper_args__(cls) -> dict[str, Any]:
        return {**Base.__mapper_args__, "version_id_col": cls.version}


class IdRow(TypedDict):
    id: uuid.UUID


class VersionedRow(TypedDict):
    """Columns that compiled statements select from every versioned table, in their order."""

    id: uuid.UUID
    created_at: datetime
    updated_at: datetime
    version: int


def text_enum(kind: type[enum.StrEnum]) -> Enum:
    """Return a text column type with a CHECK on the values: unlike ENUM, easy to migrate."""
    return Enum(
        kind,
        name=kind.__name__.lower(),
        native_enum=False,
        create_constraint=True,
        length=30,
        values_callable=lambda members: [member.value for member in members],
    )
