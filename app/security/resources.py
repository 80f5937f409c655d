"""Resources of authentication and encryption."""

from dataclasses import dataclass

from app.security.authenticators import Authenticators
from app.security.encryption import Encryptor
from app.security.principal_cache import PrincipalCache
from app.security.rate_limit import Windows


@dataclass(frozen=True, slots=True)
class SecurityResources:
    authenticators: Authenticators
    principals: PrincipalCache
    encryptor: Encryptor


@dataclass(frozen=True, slots=True)
class RequestRateLimit:
    """The rate limit of all requests; None if disabled."""

    windows: Windows | None
