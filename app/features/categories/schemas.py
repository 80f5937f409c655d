"""Schemas of categories."""

import uuid
from typing import Annotated

from pydantic import MISSING, Field

from app.features.categories.models import MAX_CATEGORIES
from app.http.schemas import LINE, PARAGRAPH, Id, In, Out, Storable, Stored

Name = Annotated[Storable, Field(min_length=1, max_length=100, examples=["Furniture"]), LINE]
Description = Annotated[
    Storable, Field(max_length=500, examples=["Tables, chairs, shelves."]), PARAGRAPH
]


class CategoryCreate(In):
    name: Name
    parent_id: Id | None = None
    description: Description | None = None


class CategoryUpdate(In):
    """An omitted field stays as it is; a parent of null makes the category a root."""

    name: Name | MISSING = MISSING
    parent_id: Id | MISSING | None = MISSING
    description: Description | MISSING | None = MISSING


class CategoryRead(Stored):
    name: str = Field(max_length=100)
    parent_id: uuid.UUID | None
    description: str | None = Field(max_length=500)


class CategoryNode(Out):
    """A category with everything below it, sorted by name."""

    id: uuid.UUID
    name: str = Field(max_length=100)
    children: "CategoryNodes" = Field(default_factory=list)


CategoryNodes = Annotated[list[CategoryNode], Field(max_length=MAX_CATEGORIES)]
