"""Authenticator of access tokens: verifies signature and claims, then the session."""

from app.db.resources import DatabaseResources
from app.errors import InvalidToken
from app.feature import load_features
from app.features.auth.resources import AuthResources
from app.features.users.crud import sessions
from app.resources import Resources
from app.security.authenticators import Verified
from app.security.principals import Credential, CredentialKind


async def verify_access_token(resources: Resources, token: str) -> Verified:
    """Return the principal of an access token and the expiry time of the token.

    Raises:
        InvalidToken: it is malformed, expired, or its session has ended.
    """
    claims = resources[AuthResources].token_signer.read(token)
    reads = resources[DatabaseResources].reads
    row = await sessions.find_principal(reads, claims.session_id, user_id=claims.subject)
    if row is None:
        raise InvalidToken("The session has ended.")
    principal = load_features().permissions.principal(
        row["user_id"],
        row["role"],
        claims.scopes,
        email_verified=row["email_verified"],
        credential=Credential(CredentialKind.ACCESS_TOKEN, row["session_id"]),
        expires_at=claims.expires_at,
    )
    return principal, principal.expires_at
