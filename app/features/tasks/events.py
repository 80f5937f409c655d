"""Event types of tasks: for the owner and administrators."""

from app.features.events.event_types import EventTypes
from app.features.tasks.schemas import TaskRead

extension = EventTypes("task", ("updated",), TaskRead)
