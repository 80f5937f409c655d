"""Every table; importing this package makes the metadata whole for Alembic."""

from app.models.api_key import ApiKey
from app.models.item import Item
from app.models.mail import Mail
from app.models.mailed_token import MailedToken
from app.models.session import Session
from app.models.throttle import Throttle
from app.models.user import User

__all__ = ["ApiKey", "Item", "Mail", "MailedToken", "Session", "Throttle", "User"]
