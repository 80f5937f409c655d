"""Signing keys: generation, loading and validation, one algorithm each (RFC 7517, 7518)."""

import json
import re
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jose import jwk
from jose.backends.base import Key
from jose.exceptions import JOSEError
from jose.utils import base64url_encode

from app.config.production import MIN_SECRET_BYTES
from app.config.settings import ConfigError, Settings
from app.features.auth.settings import AuthSettings

MIN_RSA_BITS = 2048
NEW_RSA_BITS = 3072

KEY_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)


@dataclass(frozen=True)
class SigningKey:
    """A key bound to one algorithm; `kid` names it in token headers and in the JWKS."""

    kid: str
    algorithm: Literal["HS256", "ES256", "RS256"]
    signer: Key = field(repr=False)
    verifier: Key = field(repr=False)

    def __post_init__(self) -> None:
        if not KEY_ID.fullmatch(self.kid):
            raise ValueError("A key id is 1 to 64 letters, digits, dots, hyphens or underscores.")

    @classmethod
    def from_secret(cls, secret: str, kid: str | None = None) -> Self:
        """Make a key for HS256, named after a digest of the secret unless `kid` is given.

        Raises:
            ValueError: the secret is shorter than 32 bytes, or is an asymmetric key.
        """
        if len(secret.encode()) < MIN_SECRET_BYTES:
            raise ValueError(f"HS256 needs a secret of at least {MIN_SECRET_BYTES} bytes.")
        try:
            key = jwk.construct(secret, "HS256")
        except JOSEError as error:
            raise ValueError("An asymmetric key is no secret for HS256.") from error
        digest = sha256(b"kid:" + secret.encode()).hexdigest()
        return cls(digest[:16] if kid is None else kid, "HS256", key, key)

    @classmethod
    def from_pem(cls, pem: str, algorithm: Literal["ES256", "RS256"]) -> Self:
        """Load a key pair from an unencrypted private key; `kid` is its RFC 7638 thumbprint.

        Raises:
            ValueError: the key is unreadable, too weak, or of another algorithm.
        """
        reject_unfit_key(pem, algorithm)
        signer = jwk.construct(pem, algorithm)
        verifier = signer.public_key()
        return cls(thumbprint(verifier.to_dict()), algorithm, signer, verifier)


def signing_keys(settings: Settings) -> list[SigningKey]:
    """Return the signing key and, if configured, the previous one, whose tokens may be valid.

    Raises:
        ConfigError: a key file is missing, unreadable, or unfit for the algorithm.
    """
    own = settings.of(AuthSettings)
    if own.algorithm == "HS256":
        return [SigningKey.from_secret(settings.signing_secret)]
    if own.signing_key_file is None:
        raise ConfigError(
            f"{own.algorithm} needs SIGNING_KEY_FILE: make one with `app keys generate`."
        )
    files = [own.signing_key_file, own.previous_signing_key_file]
    return [read_key(file, own.algorithm) for file in files if file is not None]


def read_key(file: Path, algorithm: Literal["ES256", "RS256"]) -> SigningKey:
    try:
        return SigningKey.from_pem(file.read_text(encoding="ascii"), algorithm)
    except (OSError, ValueError) as error:
        raise ConfigError(f"The signing key {file} cannot be used: {error}") from error


def generate_pem(algorithm: Literal["ES256", "RS256"]) -> str:
    """Generate a private key as unencrypted PKCS #8 PEM."""
    if algorithm == "ES256":
        key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
        key = ec.generate_private_key(ec.SECP256R1())
    else:
        key = rsa.generate_private_key(public_exponent=65537, key_size=NEW_RSA_BITS)
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain).decode()


def reject_unfit_key(pem: str, algorithm: Literal["ES256", "RS256"]) -> None:
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("The PEM is not an unencrypted private key.") from error
    if algorithm == "ES256":
        is_fit = isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp256r1"
    else:
        is_fit = isinstance(key, rsa.RSAPrivateKey) and key.key_size >= MIN_RSA_BITS
    if not is_fit:
        raise ValueError("ES256 needs a P-256 key, RS256 an RSA key of at least 2048 bits.")


def thumbprint(public_jwk: dict[str, Any]) -> str:
    """Return the RFC 7638 thumbprint: digests all members that jose returns except `alg`."""
    required = {name: value for name, value in public_jwk.items() if name != "alg"}
    text = json.dumps(required, sort_keys=True, separators=(",", ":"))
    return base64url_encode(sha256(text.encode()).digest()).decode()
