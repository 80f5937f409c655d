"""Every table; importing this package makes the metadata whole for Alembic."""

from app.models.api_key import ApiKey
from app.models.audit_entry import AuditEntry
from app.models.category import Category
from app.models.dashboard import Dashboard
from app.models.email_change import EmailChange
from app.models.event import Event
from app.models.event_reader import EventReader
from app.models.file import File
from app.models.idempotency_key import IdempotencyKey
from app.models.item import Item
from app.models.mailed_token import MailedToken
from app.models.notification import Notification
from app.models.post import Post
from app.models.room_message import RoomMessage
from app.models.session import Session
from app.models.socket import Socket
from app.models.task import Task
from app.models.throttle import Throttle
from app.models.ticket import Ticket
from app.models.user import User
from app.models.webhook import Webhook
from app.models.webhook_delivery import WebhookDelivery

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
