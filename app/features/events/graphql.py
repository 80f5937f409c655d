"""Events in GraphQL: the subscription to what happens to items."""

from collections.abc import AsyncIterator
from datetime import datetime

import strawberry

from app.errors import Unavailable
from app.features.events.lifespan import EventResources
from app.features.events.schemas import Told
from app.features.graphql.context import SubscriptionInfo
from app.features.graphql.extension import GraphQLTypes
from app.features.graphql.types import from_row
from app.features.items.graphql import Item
from app.features.items.schemas import ItemRead
from app.security.principals import Scope


@strawberry.type(description="What happened to an item, and the item as it was then.")
class ItemEvent:
    id: str
    type: str
    timestamp: datetime
    item: Item


@strawberry.type
class EventSubscriptions:
    @strawberry.subscription(description="Items created, updated, deleted and processed.")
    async def item_events(self, info: SubscriptionInfo) -> AsyncIterator[ItemEvent]:
        info.context.require(Scope.ITEMS_READ)
        feed = info.context.resources[EventResources].feed
        with feed.subscription() as subscription:
            async for told in subscription.events(await feed.present()):
                if told.event.type.startswith("item.") and told.is_for(info.context.principal):
                    yield item_event(told)
            # Completing instead would say that there are no more events.
            raise Unavailable(f"This has ended ({subscription.ended}): subscribe again.")


def item_event(told: Told) -> ItemEvent:
    event = told.event
    item = ItemRead.model_validate(event.data)
    return ItemEvent(
        id=event.id,
        type=event.type,
        timestamp=event.timestamp,
        item=from_row(Item, dict(item)),
    )


extension = GraphQLTypes(subscription=EventSubscriptions)
