"""OAuth 2.0 errors of the token and revocation endpoints (RFC 6749, section 5.2; RFC 7009)."""

from app.errors import AppError, BadRequest, Unauthenticated


class InvalidGrant(BadRequest):
    """The refresh token is invalid, expired, revoked or was used before."""

    code = "invalid_grant"
    title = "Invalid grant"
    remedy = "Sign in again."


class InvalidScope(BadRequest):
    code = "invalid_scope"
    title = "Invalid scope"
    remedy = "Request scopes that exist, that your role carries and, on refresh, that were granted."


class UnsupportedGrantType(BadRequest):
    code = "unsupported_grant_type"
    title = "Unsupported grant type"
    remedy = "Use grant_type=password or grant_type=refresh_token."


class UnsupportedTokenType(BadRequest):
    """RFC 7009, section 2.2.1."""

    code = "unsupported_token_type"
    title = "Unsupported token type"
    remedy = "Revoke access and refresh tokens here; delete an API key at /api/v1/auth/api-keys."


class InvalidClient(AppError):
    """Client credentials were sent, and the service has no registered clients."""

    status = Unauthenticated.status
    code = "invalid_client"
    title = "Invalid client"
    remedy = "Send no client secret: every client is a public one."
