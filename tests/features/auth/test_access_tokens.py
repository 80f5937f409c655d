"""Tokens: what holds is read back, and whatever does not is rejected as InvalidToken."""

import base64
import json
import time
import uuid
from typing import Any, Literal

import pytest
import time_machine
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidToken
from app.features.auth.access_tokens import TokenSigner
from app.features.auth.signing_keys import SigningKey, generate_pem
from tests.forged_tokens import Target, as_json, base64url, forged_tokens, sendable, sign

ISSUER = "https://api.example"
AUDIENCE = "reference-api"
SECRET = "the-right-secret-of-more-than-32-bytes-of-this-service"
SCOPES = frozenset({"items:read", "items:write"})
SUBJECT = uuid.UUID("6b6e1f0c-3b0e-4a53-9d5e-2f8d5f1f7a10")
SESSION = uuid.UUID("a3bb189e-8bf9-4c8e-9f7e-0d2a0a4f5b6c")

KEY = SigningKey.from_secret(SECRET)
PEMS = {"ES256": generate_pem("ES256"), "RS256": generate_pem("RS256")}
ES256 = SigningKey.from_pem(PEMS["ES256"], "ES256")
RS256 = SigningKey.from_pem(PEMS["RS256"], "RS256")
KEYS = [pytest.param(key, id=key.algorithm) for key in (KEY, ES256, RS256)]
KEY_PAIRS = KEYS[1:]

TARGET = Target(SECRET, KEY.kid, ISSUER, AUDIENCE, str(SUBJECT), str(SESSION))
FORGED = forged_tokens(TARGET)


def make_signer(current: SigningKey = KEY, *accepted: SigningKey) -> TokenSigner:
    return TokenSigner(current, accepted, issuer=ISSUER, audience=AUDIENCE, lifetime_seconds=900)


def issue(signer: TokenSigner) -> str:
    return signer.issue(subject=SUBJECT, session_id=SESSION, scopes=SCOPES)


class TestForgedTokens:
    @pytest.mark.parametrize("name", FORGED)
    def test_forged_token_is_rejected(self, name: str) -> None:
        with pytest.raises(InvalidToken):
            make_signer().read(FORGED[name])

    def test_forgery_helper_also_makes_valid_tokens(self) -> None:
        claims = make_signer().read(TARGET.token())

        assert claims.subject == SUBJECT

    def test_table_is_large_enough_for_http(self) -> None:
        assert len(sendable(FORGED)) >= 60

    @given(st.text() | st.from_regex(r"[\w-]+\.[\w-]+\.[\w-]+", fullmatch=True))
    def test_any_text_is_rejected(self, text: str) -> None:
        with pytest.raises(InvalidToken):
            make_signer().read(text)

    @given(st.data())
    def test_any_change_of_a_character_is_rejected(self, data: st.DataObject) -> None:
        valid = TARGET.token()
        place = data.draw(st.integers(0, len(valid) - 1))
        other = data.draw(st.characters().filter(lambda it: it != valid[place]))

        with pytest.raises(InvalidToken):
            make_signer().read(valid[:place] + other + valid[place + 1 :])

    @given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists))
    def test_any_signed_payload_is_rejected_without_another_error(self, payload: Any) -> None:
        token = TARGET.token(payload=json.dumps(payload).encode())

        with pytest.raises(InvalidToken):
            make_signer().read(token)


class TestKeyConfusion:
    @pytest.mark.parametrize("key", KEY_PAIRS)
    @pytest.mark.parametrize("secret", ["PEM", "PEM less its line", "DER", "JWK", "kid"])
    @pytest.mark.parametrize("alg", ["HS256", "ES256", "RS256"])
    def test_public_key_is_no_secret(self, key: SigningKey, secret: str, alg: str) -> None:
        token = sign(header(key, alg), TARGET.payload(), public_forms(key)[secret])

        with pytest.raises(InvalidToken):
            make_signer(key).read(token)

    @pytest.mark.parametrize("key", KEY_PAIRS)
    @pytest.mark.parametrize("alg", ["none", "RS512", "PS256", "ES384", "ES256K", "RS1"])
    def test_right_signature_under_another_algorithm(self, key: SigningKey, alg: str) -> None:
        token = signed_by(key, header(key, alg))

        with pytest.raises(InvalidToken):
            make_signer(key).read(token)

    def test_kid_of_a_key_pair_does_not_open_the_secret(self) -> None:
        token = sign(header(ES256, "HS256"), TARGET.payload(), SECRET.encode())

        with pytest.raises(InvalidToken):
            make_signer(ES256, KEY).read(token)

    @pytest.mark.parametrize("kind", ["DER", "zeros", "r of 31 bytes", "none", "curve order"])
    def test_malformed_ecdsa_signature_is_rejected(self, kind: str) -> None:
        valid = signed_by(ES256, header(ES256, "ES256"))
        body, _, signature = valid.rpartition(".")

        with pytest.raises(InvalidToken):
            make_signer(ES256).read(f"{body}.{base64url(odd_ecdsa(signature)[kind])}")


class TestGoodTokens:
    @pytest.mark.parametrize("key", KEYS)
    def test_issued_token_is_read_back(self, key: SigningKey) -> None:
        signer = make_signer(key)

        claims = signer.read(issue(signer))

        assert (claims.subject, claims.session_id, claims.scopes) == (SUBJECT, SESSION, SCOPES)
        assert claims.expires_at - claims.issued_at == signer.lifetime_seconds
        assert abs(claims.issued_at - time.time()) < 5

    @given(
        st.uuids(),
        st.uuids(),
        st.frozensets(st.from_regex(r"[!#-\[\]-~]{1,20}", fullmatch=True), max_size=12),
    )
    def test_every_claim_survives(
        self, subject: uuid.UUID, session: uuid.UUID, scopes: frozenset[str]
    ) -> None:
        signer = make_signer()

        claims = signer.read(signer.issue(subject=subject, session_id=session, scopes=scopes))

        assert (claims.subject, claims.session_id, claims.scopes) == (subject, session, scopes)

    def test_every_token_has_an_id_of_its_own(self) -> None:
        signer = make_signer()

        ids = {signer.read(issue(signer)).token_id for _ in range(10)}

        assert len(ids) == 10

    @pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
    def test_media_type_may_be_spelled_as_in_rfc_9068(self, typ: str) -> None:
        assert make_signer().read(TARGET.with_header(typ=typ)).subject == SUBJECT

    def test_audience_may_be_a_list(self) -> None:
        token = TARGET.with_claim("aud", ["another-api", AUDIENCE])

        assert make_signer().read(token).subject == SUBJECT

    def test_clock_of_another_replica_may_be_five_seconds_ahead(self) -> None:
        now = int(time.time())

        token = TARGET.token(payload=TARGET.payload(iat=now + 4, nbf=now + 4))

        assert make_signer().read(token).issued_at == now + 4

    def test_token_expires_to_the_second(self) -> None:
        signer = make_signer()
        with time_machine.travel(1_800_000_000, tick=False) as clock:
            token = issue(signer)
            clock.shift(signer.lifetime_seconds - 1)
            signer.read(token)
            clock.shift(1)

            with pytest.raises(InvalidToken, match="expired"):
                signer.read(token)

    @pytest.mark.parametrize("scope", ["", "two words", 'a"', "a\\b", "ä", "a\n"])
    def test_unreadable_scope_is_not_issued(self, scope: str) -> None:
        with pytest.raises(ValueError, match="scope"):
            make_signer().issue(subject=SUBJECT, session_id=SESSION, scopes={scope, "items:read"})

    @pytest.mark.parametrize("seconds", [0, -1, 86_401])
    def test_lifetime_is_at_most_a_day(self, seconds: int) -> None:
        with pytest.raises(ValueError, match="1 day"):
            TokenSigner(KEY, issuer=ISSUER, audience=AUDIENCE, lifetime_seconds=seconds)


class TestRotation:
    @pytest.mark.parametrize("old", KEYS)
    def test_old_key_still_reads_and_no_longer_signs(self, old: SigningKey) -> None:
        new = SigningKey.from_pem(generate_pem("ES256"), "ES256")
        rotated = make_signer(new, old)

        assert rotated.read(issue(make_signer(old))).subject == SUBJECT
        assert make_signer(new).read(issue(rotated)).subject == SUBJECT

    def test_dropped_key_no_longer_reads(self) -> None:
        token = issue(make_signer(KEY))

        with pytest.raises(InvalidToken):
            make_signer(SigningKey.from_secret("x" * 32)).read(token)

    def test_key_ids_differ_and_do_not_contain_the_secret(self) -> None:
        other = SigningKey.from_secret("x" * 32)

        assert other.kid != KEY.kid
        assert SECRET not in repr(KEY) + KEY.kid


class TestJwks:
    @pytest.mark.parametrize("key", KEY_PAIRS)
    def test_published_key_verifies_tokens_without_jose(self, key: SigningKey) -> None:
        signer = make_signer(key, KEY)
        (published,) = signer.jwks()["keys"]
        body, _, signature = issue(signer).rpartition(".")

        assert published["kid"] == key.kid
        assert {"d", "p", "q", "k"}.isdisjoint(published)
        verify(published, body.encode(), decode(signature))

    def test_shared_secret_is_never_published(self) -> None:
        assert make_signer(KEY).jwks() == {"keys": []}

    def test_every_accepted_key_pair_is_published(self) -> None:
        keys = make_signer(ES256, RS256, KEY).jwks()["keys"]

        assert {key["kid"] for key in keys} == {ES256.kid, RS256.kid}


class TestKeys:
    def test_secret_of_31_bytes_is_rejected(self) -> None:
        with pytest.raises(ValueError, match="32 bytes"):
            SigningKey.from_secret("x" * 31)

    def test_key_pair_is_no_secret(self) -> None:
        with pytest.raises(ValueError, match="asymmetric"):
            SigningKey.from_secret(PEMS["ES256"])

    @pytest.mark.parametrize("kid", ["", "a b", "k" * 65, "a\n", "ä"])
    def test_kid_with_special_characters_is_rejected(self, kid: str) -> None:
        with pytest.raises(ValueError, match="key id"):
            SigningKey.from_secret(SECRET, kid)

    @pytest.mark.parametrize("pem", ["", "junk", "\ud800", "public", "encrypted", "P-384", "1024"])
    @pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
    def test_unsuitable_pem_is_rejected(
        self, pem: str, algorithm: Literal["ES256", "RS256"]
    ) -> None:
        with pytest.raises(ValueError, match=r"PEM is not|P-256"):
            SigningKey.from_pem(unfit_pems().get(pem, pem), algorithm)

    def test_key_pair_of_the_other_algorithm_is_rejected(self) -> None:
        with pytest.raises(ValueError, match="P-256"):
            SigningKey.from_pem(PEMS["RS256"], "ES256")
        with pytest.raises(ValueError, match="RSA"):
            SigningKey.from_pem(PEMS["ES256"], "RS256")

    def test_kid_is_the_thumbprint_of_rfc_7638(self) -> None:
        (published,) = make_signer(RS256).jwks()["keys"]
        required = {name: published[name] for name in ("e", "kty", "n")}
        digest = hashes.Hash(hashes.SHA256())
        digest.update(as_json(required))

        assert base64url(digest.finalize()) == RS256.kid


def header(key: SigningKey, alg: str) -> bytes:
    return as_json({"alg": alg, "kid": key.kid, "typ": "at+jwt"})


def private_key(key: SigningKey) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    loaded = serialization.load_pem_private_key(PEMS[key.algorithm].encode(), None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    return loaded


def signed_by(key: SigningKey, head: bytes) -> str:
    """Sign with the right key and its own algorithm, whatever the header says."""
    signer, body = private_key(key), f"{base64url(head)}.{base64url(TARGET.payload())}"
    if isinstance(signer, rsa.RSAPrivateKey):
        signature = signer.sign(body.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{body}.{base64url(signature)}"
    r, s = decode_dss_signature(signer.sign(body.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{body}.{base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def public_forms(key: SigningKey) -> dict[str, bytes]:
    public = private_key(key).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = public.public_bytes(serialization.Encoding.PEM, form)
    (jwk,) = make_signer(key).jwks()["keys"]
    return {
        "PEM": pem,
        "PEM less its line": pem.strip(),
        "DER": public.public_bytes(serialization.Encoding.DER, form),
        "JWK": json.dumps(jwk).encode(),
        "kid": key.kid.encode(),
    }


def odd_ecdsa(signature: str) -> dict[str, bytes]:
    right = decode(signature)
    r, s = int.from_bytes(right[:32], "big"), int.from_bytes(right[32:], "big")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    return {
        "DER": encode_dss_signature(r, s),
        "zeros": bytes(64),
        "r of 31 bytes": right[1:],
        "none": b"",
        "curve order": order.to_bytes(32, "big") * 2,
    }


def decode(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "==")


def verify(jwk: dict[str, str], body: bytes, signature: bytes) -> None:
    """Verify with `cryptography` and nothing but the published members."""
    number = {name: int.from_bytes(decode(jwk[name]), "big") for name in "xyne" if name in jwk}
    if jwk["kty"] == "RSA":
        public = rsa.RSAPublicNumbers(number["e"], number["n"]).public_key()
        public.verify(signature, body, padding.PKCS1v15(), hashes.SHA256())
        return
    point = ec.EllipticCurvePublicNumbers(number["x"], number["y"], ec.SECP256R1()).public_key()
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    point.verify(encode_dss_signature(r, s), body, ec.ECDSA(hashes.SHA256()))


def unfit_pems() -> dict[str, str]:
    encrypted = serialization.BestAvailableEncryption(b"a password")
    return {
        "public": public_forms(ES256)["PEM"].decode(),
        "encrypted": as_pem(private_key(ES256), encrypted),
        "P-384": as_pem(ec.generate_private_key(ec.SECP384R1())),
        "1024": as_pem(rsa.generate_private_key(65537, 1024)),  # noqa: S505
    }


def as_pem(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    encryption: serialization.KeySerializationEncryption | None = None,
) -> str:
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, encryption or plain).decode()
