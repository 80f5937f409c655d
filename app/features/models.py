"""Every table; importing this package makes the metadata whole for Alembic."""

from app.features.api_keys.models import ApiKey
from app.features.audit.models import AuditEntry
from app.features.auth.models.email_change import EmailChange
from app.features.auth.models.mailed_token import MailedToken
from app.features.auth.models.throttle import Throttle
from app.features.categories.models import Category
from app.features.dashboard.models import Dashboard
from app.features.events.models.consumer_offset import EventReader
from app.features.events.models.event import Event
from app.features.files.models import File
from app.features.items.models import Item
from app.features.notifications.models import Notification
from app.features.posts.models import Post
from app.features.rooms.models import RoomMessage
from app.features.streams.models.socket import Socket
from app.features.streams.models.ticket import Ticket
from app.features.users.models.session import Session
from app.features.users.models.user import User
from app.features.webhooks.models.delivery import WebhookDelivery
from app.features.webhooks.models.webhook import Webhook
from app.http.idempotency.models import IdempotencyKey
from app.jobs.models import Task

__all__ = [
    "ApiKey",
    "AuditEntry",
    "Category",
    "Dashboard",
    "EmailChange",
    "Event",
    "EventReader",
    "File",
    "IdempotencyKey",
    "Item",
    "MailedToken",
    "Notification",
    "Post",
    "RoomMessage",
    "Session",
    "Socket",
    "Task",
    "Throttle",
    "Ticket",
    "User",
    "Webhook",
    "WebhookDelivery",
]
