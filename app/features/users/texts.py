"""Rules of texts in requests about users."""

from app.features.users.email_address import email_address
from app.features.users.opaque_string import prepared
from app.http.schemas import checked_by
from app.runtime.text import storable

EMAIL = checked_by(email_address)
PASSWORD = checked_by(prepared)
# The current password of an account, to which the rules of new ones do not apply: only characters
# that cannot be stored are rejected.
STORABLE_SECRET = checked_by(storable)
