"""Events in GraphQL: the subscription to events of items."""

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


@strawberry.type(description="A change of an item, and the item after it.")
class ItemEvent:
    id: str
    type: str
    timestamp: datetime
    item: Item


@strawberry.type
class EventSubscriptions:
    @strawberry.subscription(description="Items created, updated, deleted and processed.")
    async def item_events(self, info: SubscriptionInfo) -> AsyncIterator[ItemEvent]:
        info.context.require(ITEMS_READ)
        feed = info.context.resources[EventResources].feed
        with feed.subscription() as subscription:
            async for published in subscription.events(await feed.present()):
                if published.event.type.startswith("item.") and published.is_for(
                    info.context.principal
                ):
                    yield item_event(published)
            # Completing instead would mean that there are no more events.
            raise Unavailable(f"This has ended ({subscription.ended}): subscribe again.")


def item_event(published: PublishedEvent) -> ItemEvent:
    event = published.event
    item = ItemRead.model_validate(event.data)
    return ItemEvent(
        id=event.id,
        type=event.type,
        timestamp=event.timestamp,
        item=from_row(Item, dict(item)),
    )


extension = GraphQLTypes(subscription=EventSubscriptions)
