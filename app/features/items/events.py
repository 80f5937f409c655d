"""Event types of the items."""

from app.features.categories.scopes import ITEMS_READ
from app.features.events.event_types import EventTypes
from app.features.items.schemas import ItemRead

extension = EventTypes("item", ("created", "updated", "deleted", "processed"), ItemRead, ITEMS_READ)
