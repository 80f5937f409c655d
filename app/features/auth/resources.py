"""Resources of the sign-in feature."""

from dataclasses import dataclass, field

from app.features.auth.access_tokens import TokenSigner
from app.features.auth.login_throttle import LoginThrottle
from app.features.auth.password_limiter import PasswordLimiter
from app.features.auth.token_issuer import TokenIssuer


@dataclass(frozen=True, slots=True)
class AuthResources:
    token_signer: TokenSigner
    token_issuer: TokenIssuer
    login_throttle: LoginThrottle
    password_limiter: PasswordLimiter = field(default_factory=PasswordLimiter)
