"""Categories: a tree that classifies items."""

import uuid
from collections.abc import Sequence

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, validates

from app.db.base import Base, Versioned, VersionedRow
from app.errors import Conflict
from app.runtime.canonical import canonical

# Limits of the tree, so that it can be returned in one response.
MAX_DEPTH = 32
MAX_CATEGORIES = 10_000


class Category(Versioned, Base):
    """A node of the tree. A root has no parent; names of siblings are unique."""

    __tablename__ = "categories"
    __table_args__ = (
        Index(
            "uq_categories_name",
            "parent_id",
            "name_canonical",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_categories_name", "name", "id"),
        Index("ix_categories_created_at", "created_at", "id"),
    )

    name: Mapped[str] = mapped_column(String(100))
    name_canonical: Mapped[str]
    description: Mapped[str | None] = mapped_column(String(500))
    parent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("categories.id"))

    @validates("name")
    def fold_name(self, _: str, name: str) -> str:
        """Set the canonical name, which is unique among siblings."""
        self.name_canonical = canonical(name)
        return name

    def move(
        self, parent_id: uuid.UUID | None, *, path: Sequence[uuid.UUID], height: int = 1
    ) -> None:
        """Move the category below a parent, or make it a root.

        Args:
            path: ids of the parent and its ancestors, empty for a root.
            height: number of levels of the moved subtree, including the category.

        Raises:
            CategoryCycle: the parent is the category itself or below it.
            CategoryTooDeep: the tree would get more than `MAX_DEPTH` levels.
        """
        if self.id in path:
            raise CategoryCycle("A category cannot be moved below itself.")
        if len(path) + height > MAX_DEPTH:
            raise CategoryTooDeep(f"The tree would get more than {MAX_DEPTH} levels.")
        self.parent_id = parent_id


class CategoryRow(VersionedRow):
    name: str
    parent_id: uuid.UUID | None
    description: str | None


class CategoryNameTaken(Conflict):
    code = "category_name_taken"
    title = "Category name taken"
    remedy = "Choose a name that no other category below the same parent has."


class CategoryCycle(Conflict):
    code = "category_cycle"
    title = "Category below itself"
    remedy = "Choose a parent outside the part of the tree that moves."


class CategoryTooDeep(Conflict):
    code = "category_too_deep"
    title = "Category too deep"
    remedy = "Choose a parent that is nearer to the root."


class TooManyCategories(Conflict):
    code = "too_many_categories"
    title = "Too many categories"
    remedy = "Delete categories that are not used."


class CategoryInUse(Conflict):
    code = "category_in_use"
    title = "Category in use"
    remedy = "Move or delete the content of the category first."
