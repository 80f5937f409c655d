"""Forged and malformed access tokens; every authenticated endpoint must reject each of them.

`forged_tokens(target)` names them all; `sendable` keeps those that fit into an HTTP header.
The standard library alone makes them, so that no bug of jose hides on both sides.
"""

import base64
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

ABSENT = object()
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
DAY = 24 * 60 * 60
DEEP = 200_000
OTHER_SECRET = b"another-secret-of-more-than-32-bytes-that-signs-nothing-here"
OTHER_UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


@dataclass(frozen=True)
class Target:
    """The parts of a valid token of the service under attack."""

    secret: str
    kid: str
    issuer: str
    audience: str
    subject: str
    session_id: str
    scope: str = "items:read"

    def header(self, **changes: object) -> bytes:
        return as_json({"alg": "HS256", "kid": self.kid, "typ": "at+jwt"} | changes)

    def payload(self, **changes: object) -> bytes:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": self.audience, "iat": now, "exp": now + 600}
        claims |= {"sub": self.subject, "sid": self.session_id, "jti": OTHER_UUID}
        return as_json(claims | {"scope": self.scope} | changes)

    def token(self, header: bytes | None = None, payload: bytes | None = None) -> str:
        """Sign with the right secret; without arguments the token is valid."""
        header = self.header() if header is None else header
        payload = self.payload() if payload is None else payload
        return sign(header, payload, self.secret.encode())

    def with_header(self, **changes: object) -> str:
        return self.token(header=self.header(**changes))

    def with_claim(self, claim: str, value: object) -> str:
        return self.token(payload=self.payload(**{claim: value}))


def forged_tokens(target: Target) -> dict[str, str]:
    """Name every forgery; each differs in one thing from a token that is valid now."""
    return {
        **wrong_algorithms(target),
        **wrong_key_ids(target),
        **wrong_types(target),
        **foreign_header_parameters(target),
        **missing_claims(target),
        **wrong_identifiers(target),
        **wrong_issuers_and_audiences(target),
        **wrong_times(target),
        **wrong_numbers(target),
        **wrong_scopes(target),
        **wrong_json(target),
        **wrong_signatures(target),
        **wrong_shapes(target),
        **flipped_bits(target),
        **wrong_characters(target),
        **wrong_spellings(target),
    }


def sendable(tokens: Mapping[str, str]) -> dict[str, str]:
    """Keep what arrives unchanged as `Authorization: Bearer <token>` (RFC 9110, 5.5)."""
    return {
        name: token
        for name, token in tokens.items()
        if token and len(token) <= 8192 and all("!" <= character <= "~" for character in token)
    }


def as_json(members: Mapping[str, object]) -> bytes:
    present = {name: value for name, value in members.items() if value is not ABSENT}
    return json.dumps(present, separators=(",", ":")).encode()


def base64url(plain: bytes) -> str:
    return base64.urlsafe_b64encode(plain).decode().rstrip("=")


def from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


def sign(header: bytes, payload: bytes, secret: bytes, digest: str = "sha256") -> str:
    signing_input = f"{base64url(header)}.{base64url(payload)}"
    return f"{signing_input}.{base64url(hmac.digest(secret, signing_input.encode(), digest))}"


def label(value: object) -> str:
    return "absent" if value is ABSENT else ascii(value)[:60]


def wrong_algorithms(target: Target) -> dict[str, str]:
    unsigned = ["none", "None", "NONE", "nOnE", ""]
    other = ["HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA", "dir", "hs256", "HS256 "]
    odd: list[object] = [*unsigned, *other, None, 256, True, ["HS256"], {}, ABSENT]
    forged = {f"alg {label(alg)}": target.with_header(alg=alg) for alg in odd}
    for alg in unsigned:
        body = target.with_header(alg=alg).rpartition(".")[0]
        forged |= {f"alg {alg!r} unsigned": f"{body}.", f"alg {alg!r} without a dot": body}
    secret = target.secret.encode()
    for alg, digest in {"HS384": "sha384", "HS512": "sha512", "HS256": "sha512"}.items():
        token = sign(target.header(alg=alg), target.payload(), secret, digest)
        forged[f"alg {alg} signed with {digest}"] = token
    return forged


def wrong_key_ids(target: Target) -> dict[str, str]:
    own = target.kid
    odd: list[object] = ["unknown", "", "../../../../dev/null", "/dev/null", "' OR '1'='1", "*"]
    odd += ["' UNION SELECT 'key' --", "| id", "http://127.0.0.1:1/jwks", "\ud800", "k" * 300]
    odd += [0, 1.5, True, None, {}, ABSENT]
    near: dict[str, object] = {
        "in a list": [own],
        "then NUL": f"{own}\0",
        "after a space": f" {own}",
    }
    near |= {"then a line": f"{own}\n", "in an object": {"kid": own}, "less one": own[:-1]}
    kids = {label(kid): kid for kid in odd} | {f"the right one {how}": near[how] for how in near}
    return {f"kid {name}": target.with_header(kid=kid) for name, kid in kids.items()}


def wrong_types(target: Target) -> dict[str, str]:
    odd: list[object] = ["JWT", "jwt", "", "refresh+jwt", "id+jwt", "JWE", "at+jwt ", "at jwt"]
    odd += ["text/at+jwt", "at+jwt\0", None, 1, True, ["at+jwt"], {}, ABSENT]
    return {f"typ {label(typ)}": target.with_header(typ=typ) for typ in odd}


def foreign_header_parameters(target: Target) -> dict[str, str]:
    own_key = {"kty": "oct", "k": base64url(OTHER_SECRET), "alg": "HS256", "kid": "attacker"}
    keys: dict[str, object] = {"jwk": own_key, "jku": "https://attacker.example/jwks.json"}
    keys |= {"x5u": "https://attacker.example/chain.pem", "x5c": ["MIIBszCCAVmgAwIBAgIUattack"]}
    more = {"crit": ["exp"], "b64": False, "zip": "DEF", "cty": "JWT", "enc": "A256GCM"}
    forged = {f"header {name}": target.with_header(**{name: more[name]}) for name in more}
    forged["header crit empty"] = target.with_header(crit=[])
    for name, value in keys.items():
        forged[f"header {name}"] = target.with_header(**{name: value})
        for how, kid in {"an own": "attacker", "the right": target.kid}.items():
            header = target.header(**{name: value, "kid": kid})
            forged[f"own {name}, {how} kid"] = sign(header, target.payload(), OTHER_SECRET)
    return forged


def missing_claims(target: Target) -> dict[str, str]:
    return {
        f"{claim} {label(value)}": target.with_claim(claim, value)
        for claim in ("iss", "aud", "sub", "sid", "jti", "iat", "exp", "scope")
        for value in (ABSENT, None)
    }


def wrong_identifiers(target: Target) -> dict[str, str]:
    forged = {}
    for claim, own in {"sub": target.subject, "sid": target.session_id, "jti": OTHER_UUID}.items():
        odd: list[object] = ["", "admin", "1", "\u0663", "\ud800", 7, 2**127, 1.5, True]
        near: dict[str, object] = {"without hyphens": own.replace("-", ""), "less one": own[:-1]}
        near |= {"in upper case": own.upper(), "in braces": f"{{{own}}}", "in a list": [own]}
        near |= {
            "as a URN": f"urn:uuid:{own}",
            "after a space": f" {own}",
            "in an object": {own: 1},
        }
        near |= {"then NUL": f"{own}\0", "then a line": f"{own}\n", "then SQL": f"{own}' OR 1=1"}
        for name, value in ({label(it): it for it in odd} | near).items():
            forged[f"{claim} {name}"] = target.with_claim(claim, value)
    return forged


def wrong_issuers_and_audiences(target: Target) -> dict[str, str]:
    forged = {}
    for claim, own in {"iss": target.issuer, "aud": target.audience}.items():
        odd: list[object] = ["", "https://attacker.example", "*", 0, True, [], [None], {}]
        near: dict[str, object] = {
            "as an object": {own: True},
            "then a slash": f"{own}/",
            "less one": own[:-1],
        }
        near |= {"then NUL": f"{own}\0", "as a prefix": f"{own}.attacker.example"}
        near |= {"two deep": [[own]], "misspelled in a list": [f"{own}/"]}
        for name, value in ({label(it): it for it in odd} | near).items():
            forged[f"{claim} {name}"] = target.with_claim(claim, value)
    return forged | {"iss in a list": target.with_claim("iss", [target.issuer])}


def wrong_times(target: Target) -> dict[str, str]:
    now = int(time.time())
    odd: dict[str, object] = {
        "text": str(now),
        "float": float(now),
        "list": [now],
        "NaN": float("nan"),
    }
    odd |= {"object": {}, "true": True, "2**63": 2**63, "10**300": 10**300, "empty": ""}
    odd |= {"infinite": float("inf"), "in two days": now + 2 * DAY}
    past: dict[str, object] = {"-1": -1, "0": 0, "-2**63": -(2**63), "a minute ago": now - 60}
    changes = {
        f"{claim} {how}": {claim: odd[how]} for claim in ("iat", "exp", "nbf") for how in odd
    }
    changes |= {f"exp {how}": {"exp": past[how]} for how in past}
    changes |= {f"iat {how}": {"iat": past[how]} for how in ("-1", "0", "-2**63")}
    changes["exp as a later float"] = {"exp": now + 60.5}
    changes["expired"] = {"iat": now - 3600, "exp": now - 1800}
    changes["expired this second"] = {"iat": now - 600, "exp": now}
    # An hour ahead: the table is older than a minute when a long run comes to its tokens.
    later: dict[str, object] = {"iat": now + 3600, "exp": now + 4200}
    changes |= {"iat in an hour": later, "iat in an hour, nbf past": later | {"nbf": now - 60}}
    changes |= {"nbf in an hour": {"nbf": now + 3600, "exp": now + 4200}, "nbf null": {"nbf": None}}
    changes["expires before it is issued"] = {"iat": now + 600, "exp": now + 300}
    changes["lives for more than a day"] = {"iat": now - DAY, "exp": now + 60}
    return {name: target.token(payload=target.payload(**changes[name])) for name in changes}


def wrong_numbers(target: Target) -> dict[str, str]:
    return {
        f"exp written {number.decode()[:10]}": target.token(
            payload=target.payload(exp="?").replace(b'"?"', number)
        )
        for number in (b"1e400", b"9" * 2500, b"0x7fffffff", b"1e10")
    }


def wrong_scopes(target: Target) -> dict[str, str]:
    odd: list[object] = [0, True, ["admin"], {"admin": True}, " admin", "admin ", "a  b", " "]
    odd += ["a\tb", "a\nb", "a\0", 'a"b', "a\\b", "ädmin", "\ud800", "a\u00a0b"]
    return {f"scope {label(value)}": target.with_claim("scope", value) for value in odd}


def wrong_json(target: Target) -> dict[str, str]:
    parts = {"header": target.header(), "payload": target.payload()}
    return {
        f"{part} is {name}": target.token(**{part: text})
        for part, good in parts.items()
        for name, text in (not_an_object(good) | odd_objects(good)).items()
    }


def not_an_object(good: bytes) -> dict[str, bytes]:
    return {
        "a list": b"[" + good + b"]",
        "text": json.dumps(good.decode()).encode(),
        "null": b"null",
        "a number": b"1",
        "nothing": b"",
        "300 open brackets": b"[" * 300,
        "2,500 brackets": b"[" * 1250 + b"]" * 1250,
        "200,000 open brackets": b"[" * DEEP,
        "200,000 open objects": b'{"a":' * DEEP,
    }


def odd_objects(good: bytes) -> dict[str, bytes]:
    return {
        "an empty object": b"{}",
        "cut short": good[:-1],
        "followed by junk": good + b"x",
        "after a byte order mark": b"\xef\xbb\xbf" + good,
        "UTF-16": good.decode().encode("utf-16"),
        "invalid UTF-8": good[:-1] + b',"x":"\xff"}',
        "a raw lone surrogate": good[:-1] + b',"x":"\xed\xa0\x80"}',
        "a trailing comma": good[:-1] + b",}",
        "NaN": good[:-1] + b',"x":NaN}',
        "every name twice": good[:-1] + b"," + good[1:],
    }


def wrong_signatures(target: Target) -> dict[str, str]:
    header, payload, secret = target.header(), target.payload(), target.secret.encode()
    body, _, text = target.token(header, payload).rpartition(".")
    right = from_base64url(text)
    keys = {"another secret": OTHER_SECRET, "no secret": b"", "`secret`": b"secret"}
    keys |= {"the kid": target.kid.encode(), "the issuer": target.issuer.encode()}
    keys |= {"a secret less one": secret[:-1], "the secret and a line": secret + b"\n"}
    keys |= {"the secret as base64url": base64url(secret).encode()}
    forged = {f"signed with {name}": sign(header, payload, keys[name]) for name in keys}
    others = {"a bare digest": sha256(body.encode()).digest(), "zeros": bytes(32), "none": b""}
    others |= {"half of it": right[:16], "all but a byte": right[:-1], "it twice": right * 2}
    others |= {"it reversed": right[::-1], "it in hexadecimal": right.hex().encode()}
    others |= {"it and a byte": right + b"\0", "that of another token": sha256(right).digest()}
    forged |= {f"signature is {name}": f"{body}.{base64url(others[name])}" for name in others}
    last = ALPHABET[ALPHABET.index(text[-1]) + 1]
    return forged | {"signature has unused bits set": f"{body}.{text[:-1]}{last}"}


def wrong_shapes(target: Target) -> dict[str, str]:
    valid = target.token()
    header, payload, signature = valid.split(".")
    flat = {"payload": payload, "protected": header, "signature": signature}
    return {
        **{f"only {text!r}": text for text in ("", "null", "undefined", ".", "..", "...", "a.b.c")},
        "header alone": header,
        "without a signature": f"{header}.{payload}",
        "without a header": f".{payload}.{signature}",
        "without a payload": f"{header}..{signature}",
        "header and payload swapped": f"{payload}.{header}.{signature}",
        "payload and signature swapped": f"{header}.{signature}.{payload}",
        "an empty fourth segment": f"{valid}.",
        "an empty first segment": f".{valid}",
        "four segments": f"{valid}.{signature}",
        "five segments, a JWE": f"{header}.{signature}.{signature[:16]}.{payload}.{signature[:22]}",
        "two tokens": f"{valid},{valid}",
        "JSON serialization": json.dumps(flat, separators=(",", ":")),
        "general JSON serialization": json.dumps({"payload": payload, "signatures": [flat]}),
        "longer than 4 KiB": target.with_claim("x", "a" * 5000),
        "5,000 letters": "a" * 5000,
        "5,000 dots": "." * 5000,
    }


def flipped_bits(target: Target) -> dict[str, str]:
    forged = {}
    for place, segment in enumerate(segments := target.token().split(".")):
        plain = bytearray(from_base64url(segment))
        plain[len(plain) // 2] ^= 1
        flipped = [*segments[:place], base64url(bytes(plain)), *segments[place + 1 :]]
        forged[f"a flipped bit in segment {place + 1}"] = ".".join(flipped)
    return forged


def wrong_characters(target: Target) -> dict[str, str]:
    odd = {"a space": " ", "a tab": "\t", "a line": "\n", "a carriage return": "\r", "NUL": "\0"}
    odd |= {"junk": "!", "padding": "=", "a percent": "%20", "a lone surrogate": "\ud800"}
    odd |= {
        "a zero-width space": "\u200b",
        "a digit of another script": "\u0663",
        "a semicolon": ";",
    }
    places = {"before": "{1}{0}.{2}", "inside": "{0}{1}.{2}", "after": "{0}.{2}{1}"}
    head, _, tail = target.token().partition(".")
    return {
        f"{name} {place}": pattern.format(head, odd[name], tail)
        for name in odd
        for place, pattern in places.items()
    }


def wrong_spellings(target: Target) -> dict[str, str]:
    # The tildes make sure that the text has a `-`, where the two base64 alphabets differ.
    valid = target.with_claim("x", "~~~~~~")
    return {
        "base64 with + and /": valid.replace("-", "+").replace("_", "/"),
        "full-width dots": valid.replace(".", "\uff0e"),
        "escaped dots": valid.replace(".", "%2E"),
        "in quotes": f'"{valid}"',
        "Bearer twice": f"Bearer {valid}",
        "letters changed in case": valid.swapcase(),
        "AAAA after": f"{valid}AAAA",
        "backwards": valid[::-1],
    }
