"""Access tokens: the one module that signs and verifies JWTs (RFC 7519, RFC 9068)."""

import json
import re
import time
import uuid
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from jose import jws
from jose.exceptions import JOSEError
from jose.utils import base64url_decode, base64url_encode

from app.config.settings import Settings
from app.errors import InvalidToken
from app.features.auth.settings import AuthSettings
from app.features.auth.signing_keys import SigningKey, signing_keys

MAX_TOKEN_LENGTH = 4096
MAX_LIFETIME_SECONDS = 24 * 60 * 60
LEEWAY_SECONDS = 5

COMPACT_JSON = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
COMPACT_JWS = re.compile(r"([\w-]{2,512})\.([\w-]{2,})\.([\w-]{2,})", re.ASCII)
SCOPES = re.compile(r"([!#-\[\]-~]+( [!#-\[\]-~]+)*)?")  # RFC 6749, section 3.3
MEDIA_TYPES = {"at+jwt", "application/at+jwt"}
NOT_OURS = "The access token was not signed by this service."


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """Claims of a valid token; times are Unix seconds."""

    subject: uuid.UUID
    session_id: uuid.UUID
    token_id: uuid.UUID
    scopes: frozenset[str]
    issued_at: int
    expires_at: int


def create_token_signer(settings: Settings) -> "TokenSigner":
    current, *previous = signing_keys(settings)
    return TokenSigner(
        current,
        previous,
        issuer=settings.public_url,  # The same as in the metadata (RFC 8414, section 2).
        audience=settings.project_name,
        lifetime_seconds=settings.of(AuthSettings).access_token_expire_minutes * 60,
    )


class TokenSigner:
    """Signs with the current key; verifies with any accepted key, selected by `kid`."""

    def __init__(
        self,
        current: SigningKey,
        accepted: Sequence[SigningKey] = (),
        *,
        issuer: str,
        audience: str,
        lifetime_seconds: int,
    ) -> None:
        if not 0 < lifetime_seconds <= MAX_LIFETIME_SECONDS:
            raise ValueError("An access token lives for 1 second to 1 day.")
        self.lifetime_seconds = lifetime_seconds
        self._current = current
        self._keys = {key.kid: key for key in (*accepted, current)}
        self._issuer = issuer
        self._audience = audience

    @property
    def kid(self) -> str:
        """Return the id of the signing key."""
        return self._current.kid

    def issue(
        self,
        *,
        subject: uuid.UUID,
        session_id: uuid.UUID,
        scopes: AbstractSet[str],
        token_id: uuid.UUID | None = None,
        issued_at: int | None = None,
    ) -> str:
        """Sign a token; its `jti` and `iat` (Unix seconds) are new unless given.

        Raises:
            ValueError: a scope is empty or holds a space, a quote or a backslash.
        """
        now = int(time.time()) if issued_at is None else issued_at
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(subject),
            "sid": str(session_id),
            "jti": str(token_id or uuid.uuid4()),
            "iat": now,
            "exp": now + self.lifetime_seconds,
            "scope": scope_of(scopes),
        }
        headers = {"kid": self._current.kid, "typ": "at+jwt"}
        algorithm = self._current.algorithm
        return jws.sign(claims, self._current.signer, headers=headers, algorithm=algorithm)

    def read(self, token: str) -> AccessClaims:
        """Verify a token and return its claims.

        Raises:
            InvalidToken: it is malformed, forged, expired, or issued for another audience.
        """
        try:
            return self._claims(self._verified_payload(token))
        # Base64, UTF-8, JSON and UUID parsing raise ValueErrors, deep nesting a
        # RecursionError, jose its own errors: hostile text must yield 401, never 500.
        except (ValueError, RecursionError, JOSEError) as error:
            raise InvalidToken("The access token is malformed.") from error

    def jwks(self) -> dict[str, list[dict[str, Any]]]:
        """List the public keys (RFC 7517, section 5); a shared secret has none."""
        pairs = [key for key in self._keys.values() if key.algorithm != "HS256"]
        return {"keys": [key.verifier.to_dict() | {"kid": key.kid, "use": "sig"} for key in pairs]}

    def _verified_payload(self, token: str) -> dict[str, Any]:
        segments = COMPACT_JWS.fullmatch(token) if len(token) <= MAX_TOKEN_LENGTH else None
        if segments is None:
            raise ValueError("not a compact JWS")
        header, payload, signature = (decoded(segment) for segment in segments.groups())
        key = self._key_for(parsed_object(header))
        signing_input = token[: segments.end(2)].encode()
        if not key.verifier.verify(signing_input, signature):
            raise InvalidToken(NOT_OURS)
        return parsed_object(payload)

    def _key_for(self, header: dict[str, Any]) -> SigningKey:
        kid, typ = header.get("kid"), header.get("typ")
        key = self._keys.get(kid) if isinstance(kid, str) else None
        if key is None or header.get("alg") != key.algorithm:
            raise InvalidToken(NOT_OURS)
        if not isinstance(typ, str) or typ.lower() not in MEDIA_TYPES:
            raise InvalidToken("The token is not an access token.")
        # Our headers have three members; one with `crit`, `b64`, `zip`, `jwk` or `jku` is forged.
        if len(header) != len({"alg", "kid", "typ"}):
            raise ValueError("unknown header parameter")
        return key

    def _claims(self, payload: dict[str, Any]) -> AccessClaims:
        audience = payload.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if payload.get("iss") != self._issuer or self._audience not in audiences:
            raise InvalidToken("The access token was made for another service.")
        claims = AccessClaims(
            subject=canonical_uuid(payload.get("sub")),
            session_id=canonical_uuid(payload.get("sid")),
            token_id=canonical_uuid(payload.get("jti")),
            scopes=scopes_of(payload.get("scope")),
            issued_at=seconds(payload.get("iat")),
            expires_at=seconds(payload.get("exp")),
        )
        reject_wrong_time(claims, not_before=seconds(payload.get("nbf", claims.issued_at)))
        return claims


def decoded(segment: str) -> bytes:
    plain = base64url_decode(segment.encode())
    if base64url_encode(plain).decode() != segment:
        raise ValueError("unused bits are set, so one token would have several texts")
    return plain


def parsed_object(text: bytes) -> dict[str, Any]:
    """Parse only our own serialization: no duplicate name, space or byte order mark."""
    parsed = json.loads(text)
    if not isinstance(parsed, dict) or COMPACT_JSON.encode(parsed).encode() != text:
        raise ValueError("not a JSON object in canonical form")
    return parsed


def canonical_uuid(claim: object) -> uuid.UUID:
    if not isinstance(claim, str) or str(identifier := uuid.UUID(claim)) != claim:
        raise ValueError("not a UUID in its canonical spelling")
    return identifier


def seconds(claim: object) -> int:
    if not isinstance(claim, int) or isinstance(claim, bool):
        raise ValueError("not a whole number of seconds")  # noqa: TRY004  (the claim's fault, not the caller's)
    return claim


def scope_of(scopes: AbstractSet[str]) -> str:
    scope = " ".join(sorted(scopes))
    if scopes_of(scope) != scopes:
        raise ValueError("A scope is a word without spaces, quotes and backslashes.")
    return scope


def scopes_of(claim: object) -> frozenset[str]:
    if not isinstance(claim, str) or not SCOPES.fullmatch(claim):
        raise ValueError("not a list of scopes")
    return frozenset(claim.split())


def reject_wrong_time(claims: AccessClaims, *, not_before: int) -> None:
    """Reject claims outside of their validity; `not_before` is in seconds since the epoch.

    Raises:
        InvalidToken: the token has expired or is not valid yet.
        ValueError: the lifetime is longer than the service issues.
    """
    now = time.time()
    if claims.expires_at <= now:
        raise InvalidToken("The access token has expired.")
    if max(claims.issued_at, not_before) > now + LEEWAY_SECONDS:
        raise InvalidToken("The access token is not valid yet.")
    if claims.expires_at - claims.issued_at > MAX_LIFETIME_SECONDS:
        raise ValueError("no token of ours lives that long")
