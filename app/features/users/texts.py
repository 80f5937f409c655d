"""Rules of texts in requests about users."""

from collections.abc import Callable

from app.features.users.email_address import email_address
from app.features.users.opaque_string import prepared
from app.features.users.passwords import MAX_LENGTH, MAX_TYPED_LENGTH, MIN_LENGTH
from app.http.schemas import checked_by
from app.runtime.text import TextRejected, storable


def bounded(rule: Callable[[str], str], *, shortest: int, longest: int) -> Callable[[str], str]:
    """Return the rule with bounds of the length: Pydantic's messages speak of items of a secret."""

    def check(password: str) -> str:
        checked = rule(password)
        if len(checked) < shortest:
            raise TextRejected("too_short", f"A password has at least {shortest} characters")
        if len(checked) > longest:
            raise TextRejected("too_long", f"A password has at most {longest} characters")
        return checked

    return check


EMAIL = checked_by(email_address)
PASSWORD = checked_by(bounded(prepared, shortest=MIN_LENGTH, longest=MAX_LENGTH))
# The current password of an account, to which the rules of new ones do not apply: only characters
# that cannot be stored are rejected.
STORABLE_SECRET = checked_by(bounded(storable, shortest=1, longest=MAX_TYPED_LENGTH))
