"""Categories in GraphQL: a type that others refer to, without a field at the root."""

import uuid

import strawberry

from app.features.categories import crud as categories
from app.features.graphql.context import CallerContext, Info
from app.features.graphql.extension import GraphQLTypes
from app.features.graphql.types import from_row


@strawberry.type(description="A branch of the tree that items are sorted into.")
class Category:
    id: uuid.UUID = strawberry.field(description="Its id.")
    name: str = strawberry.field(description="Its name, unique among the children of its parent.")
    description: str | None = strawberry.field(description="A text about it.")
    parent_id: uuid.UUID | None = strawberry.field(
        description="Id of the category above; null at the top of the tree."
    )

    @strawberry.field(description="The category above; null at the top of the tree.")
    async def parent(self, info: Info) -> "Category | None":
        return await find_category(info.context, self.parent_id)


async def find_category(context: CallerContext, category_id: uuid.UUID | None) -> Category | None:
    if category_id is None:
        return None
    row = await context.loader(categories.find_many).load(category_id)
    return from_row(Category, row) if row else None


extension = GraphQLTypes()
