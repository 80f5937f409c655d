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

    UNSUPPORTED_DATA = 1003, "A binary frame; only text frames are accepted."
    TOO_MANY_FRAMES = 1008, "More than 10,000 pings, pongs and fragments in a minute."
    TOO_BIG = 1009, "A message above 64 KiB."
    INTERNAL_ERROR = 1011, "An internal error, or no pong in time: connect again after a pause."
    RESTART = 1012, "The service is shutting down or restarting: connect again, to another replica."
    CREDENTIAL_ENDED = 4401, "The credential expired or was revoked: sign in again."
    TOO_SLOW = 4408, "Too many messages were waiting: read faster, or connect again."
    TOO_MANY_MESSAGES = 4429, "The client kept sending after it had reached the limit of messages."
