"""Close codes of WebSockets (RFC 6455, section 7.4); 4000 and above are private."""

import enum


class CloseCode(enum.IntEnum):
    """Close codes, each with the explanation that the documentation shows to clients."""

    def __new__(cls, code: int, _: str = "") -> "CloseCode":
        member = int.__new__(cls, code)
        member._value_ = code
        return member

    def __init__(self, _: int, meaning: str = "") -> None:
        self.meaning = meaning

    UNSUPPORTED_DATA = 1003, "A binary frame, where only text is understood."
    TOO_BIG = 1009, "A message above 64 KiB."
    INTERNAL_ERROR = 1011, "Our fault, or no answer to a ping: connect again after a pause."
    RESTART = 1012, "The service is shutting down or restarting: connect again, to another replica."
    CREDENTIAL_ENDED = 4401, "The credential expired or was revoked: sign in again."
    TOO_SLOW = 4408, "Too much was waiting for you: read faster, or connect again."
    TOO_MANY_MESSAGES = 4429, "You went on sending after the limit of messages was reached."
