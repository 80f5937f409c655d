"""Schemas of categories."""

import uuid
from typing import Annotated

from pydantic import MISSING, Field

from app.features.categories.models import MAX_CATEGORIES
from app.http.schemas import LINE, PARAGRAPH, Id, RequestModel, ResponseModel, Storable, Stored

# Of the seed data, so that an example that is executed untouched succeeds.
EXAMPLE_ID = "01900000-0000-7000-8000-000000003001"
Name = Annotated[Storable, Field(min_length=1, max_length=100, examples=["Garden"]), LINE]
Description = Annotated[
    Storable, Field(max_length=500, examples=["What stands outside."]), PARAGRAPH
]


class CategoryCreate(RequestModel):
    name: Name
    """Name, 1 to 100 characters; unique among the categories with the same parent."""
    parent_id: Id | None = None
    """Id of the category above, or null for a root."""
    description: Description | None = None
    """Text about the category, or null; up to 500 characters."""


class CategoryUpdate(RequestModel):
    """An omitted field stays as it is; a parent of null makes the category a root."""

    name: Name | MISSING = MISSING
    """Name, 1 to 100 characters; unique among the categories with the same parent."""
    parent_id: Id | MISSING | None = MISSING
    """Id of the category above, or null for a root."""
    description: Description | MISSING | None = MISSING
    """Text about the category, or null; up to 500 characters."""


class CategoryRead(Stored):
    name: str = Field(max_length=100)
    """Name, unique among the categories with the same parent."""
    parent_id: uuid.UUID | None
    """Id of the category above, or null for a root."""
    description: str | None = Field(max_length=500)
    """Text about the category, or null."""


class CategoryNode(ResponseModel):
    """A category with everything below it, sorted by name."""

    id: uuid.UUID
    """Id of the category."""
    name: str = Field(max_length=100)
    """Name of the category."""
    children: "CategoryNodes" = Field(default_factory=list)
    """The categories directly below, sorted by name."""


CategoryNodes = Annotated[list[CategoryNode], Field(max_length=MAX_CATEGORIES)]
