"""Token issuer: the access token and the refresh token of a session."""

import uuid
from dataclasses import dataclass

from app.feature import load_features
from app.features.auth.access_tokens import TokenSigner
from app.features.auth.oauth_errors import InvalidScope
from app.features.auth.refresh_tokens import RefreshTokens
from app.features.auth.schemas.session import TokenPair
from app.features.users.models.session import UserSession
from app.security.principals import Role


@dataclass(frozen=True, slots=True)
class TokenIssuer:
    access: TokenSigner
    refresh: RefreshTokens

    def pair(
        self, session: UserSession, role: Role, requested: frozenset[str] = frozenset()
    ) -> TokenPair:
        """Return the token pair of the session's newest generation; the same at each call.

        Raises:
            InvalidScope: the session lacks one of the requested scopes, or the role all of them.
        """
        if not requested <= frozenset(session.scopes):
            raise InvalidScope("One of the requested scopes was not granted at the sign-in.")
        wanted = requested or frozenset(session.scopes)
        scopes = load_features().permissions.granted(role, wanted)
        if not scopes:
            raise InvalidScope("Your role carries none of the requested scopes.")
        scope = " ".join(sorted(scopes))
        access_token = self.access.issue(
            subject=session.user_id,
            session_id=session.id,
            token_id=uuid.uuid5(session.id, f"{session.generation} {scope}"),
            scopes=scopes,
            issued_at=int(session.rotated_at.timestamp()),
        )
        return TokenPair(
            access_token=access_token,
            expires_in=self.access.lifetime_seconds,
            refresh_token=self.refresh.issue(session.id, session.generation),
            scope=scope,
        )

    def session_of(self, token: str) -> uuid.UUID:
        """Return the session that an access or a refresh token belongs to.

        Raises:
            InvalidToken: it is malformed, forged or expired.
        """
        if token.startswith("rt_"):
            return self.refresh.read(token)[0]
        return self.access.read(token).session_id
