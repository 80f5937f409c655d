"""Event types of the items."""

from app.features.events.event_types import EventTypes
from app.features.items.schemas import ItemRead
from app.security.principals import Scope

extension = EventTypes(
    "item", ("created", "updated", "deleted", "processed"), ItemRead, Scope.ITEMS_READ
)
