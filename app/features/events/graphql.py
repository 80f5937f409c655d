"""Events in GraphQL: the subscription to events of items."""

import enum
from collections.abc import AsyncIterator
from datetime import datetime

import strawberry

from app.errors import Unavailable
from app.features.categories.scopes import ITEMS_READ
from app.features.events.lifespan import EventResources
from app.features.events.schemas import PublishedEvent
from app.features.graphql.context import SubscriptionInfo
from app.features.graphql.extension import GraphQLTypes
from app.features.graphql.types import from_row
from app.features.items.graphql import Item
from app.features.items.schemas import ItemRead


@strawberry.enum(description="A change of an item; the value of `type` in other interfaces.")
class ItemEventType(enum.Enum):
    CREATED = strawberry.enum_value("item.created", description="The item is new.")
    UPDATED = strawberry.enum_value("item.updated", description="Fields of the item changed.")
    DELETED = strawberry.enum_value("item.deleted", description="The item was deleted.")
    PROCESSED = strawberry.enum_value("item.processed", description="The item was processed.")


@strawberry.type(description="A change of an item, and the item after it.")
class ItemEvent:
    id: str = strawberry.field(description="Its id, the same in the event stream.")
    type: ItemEventType = strawberry.field(description="The kind of change.")
    timestamp: datetime = strawberry.field(description="Time of the change.")
    item: Item = strawberry.field(description="The item after the change.")


@strawberry.type
class EventSubscriptions:
    @strawberry.subscription(description="Items created, updated, deleted and processed.")
    async def item_events(self, info: SubscriptionInfo) -> AsyncIterator[ItemEvent]:
        info.context.require(ITEMS_READ)
        feed = info.context.resources[EventResources].feed
        with feed.subscription() as subscription:
            async for published in subscription.events(await feed.end_position()):
                if published.event.type.startswith("item.") and published.is_for(
                    info.context.principal
                ):
                    yield item_event(published)
            # Completing instead would mean that there are no more events.
            raise Unavailable(
                f"The subscription has ended ({subscription.ended}): subscribe again."
            )


def item_event(published: PublishedEvent) -> ItemEvent:
    event = published.event
    item = ItemRead.model_validate(event.data)
    return ItemEvent(
        id=event.id,
        type=ItemEventType(event.type),
        timestamp=event.timestamp,
        item=from_row(Item, dict(item)),
    )


extension = GraphQLTypes(subscription=EventSubscriptions)
