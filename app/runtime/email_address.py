"""E-mail addresses in one canonical form: an ASCII local part and the domain as A-labels."""

from email_validator import EmailNotValidError, validate_email

from app.runtime.canonical import canonical

# Longer than an address in any spelling.
MAX_LENGTH = 1000


class InvalidEmail(ValueError):
    """The address cannot be delivered to; clients switch on `code`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def email_address(text: str) -> str:
    """Return the address with its domain in lower case and as A-labels (RFC 5890).

    The domain is mapped by UTS 46 and checked by IDNA 2008, so that all spellings of one mailbox
    give one address. A look-alike domain differs visibly in its A-labels.

    Raises:
        InvalidEmail: the text is no address, or needs SMTPUTF8 (RFC 6531), as look-alikes do.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidEmail("value_error", "The e-mail address is not valid")
    try:
        address = validate_email(text.strip(), check_deliverability=False)
    except EmailNotValidError:
        raise InvalidEmail("value_error", "The e-mail address is not valid") from None
    if address.ascii_email is None:
        raise InvalidEmail("email_not_ascii", "The part before the @ must be ASCII")
    return address.ascii_email


def canonical_part(text: str) -> str:
    """Return the canonical form of a part of a user name or of an e-mail address."""
    local, at, domain = text.rpartition("@")
    try:
        return canonical(local) + at + email_address(f"x@{domain}").partition("@")[2]
    except InvalidEmail:
        return canonical(text)


def canonical_login(text: str) -> str:
    """Return the canonical form of a user name or of an e-mail address in any spelling."""
    try:
        return canonical(email_address(text))
    except InvalidEmail:
        return canonical(text)
