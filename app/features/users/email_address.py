"""E-mail addresses in one canonical form: an ASCII local part and the domain as A-labels."""

from email_validator import EmailNotValidError, validate_email

from app.runtime.text import TextRejected

# Longer than an address in any spelling.
MAX_LENGTH = 1000


def email_address(text: str) -> str:
    """Return the address with its domain in lower case and as A-labels (RFC 5890).

    The domain is mapped by UTS 46 and checked by IDNA 2008, so that all spellings of one mailbox
    give one address. A look-alike domain differs visibly in its A-labels.

    Raises:
        TextRejected: the text is no address, has a local part of more than 64 octets (RFC 5321,
            section 4.5.3.1.1), or needs SMTPUTF8 (RFC 6531), as look-alikes do.
    """
    if len(text) > MAX_LENGTH:
        raise TextRejected("value_error", "The e-mail address is not valid")
    try:
        address = validate_email(text.strip(), check_deliverability=False, strict=True)
    except EmailNotValidError:
        raise TextRejected("value_error", "The e-mail address is not valid") from None
    if address.ascii_email is None:
        raise TextRejected("email_not_ascii", "The part before the @ must be ASCII")
    return address.ascii_email
