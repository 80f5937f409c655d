"""Resources of sign-in."""

from dataclasses import dataclass, field

from app.features.auth.access_tokens import TokenSigner
from app.features.auth.login_throttle import GuessLimits
from app.features.auth.password_limiter import Line
from app.features.auth.token_issuer import TokenIssuer


@dataclass(frozen=True, slots=True)
class AuthResources:
    token_signer: TokenSigner
    token_issuer: TokenIssuer
    guess_limits: GuessLimits
    password_turns: Line = field(default_factory=Line)
