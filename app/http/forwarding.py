"""Forwarding header fields of reverse proxies: client address and scheme of a request.

Replaces the middleware of the server: that of uvicorn takes the leftmost entry if every proxy
is trusted, accepts any text as an address and does not know IPv4-mapped peers; gunicorn has none.
"""

from starlette.types import Scope

from app.network.client_address import TrustedProxies, canonical_address

SCHEMES = {b"http", b"https", b"ws", b"wss"}


def resolve_client(scope: Scope, proxies: TrustedProxies) -> None:
    """Replace the peer in the scope by the client, and the scheme by that of the client."""
    if not scope.get("client"):
        return
    peer, port = scope["client"]
    if not proxies.networks or not proxies.includes(peer):
        scope["client"] = (canonical_address(peer), port)
        return
    forwarded = [
        value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"
    ]
    scope["client"] = (proxies.client(peer, forwarded), 0)
    set_scheme(scope)


def set_scheme(scope: Scope) -> None:
    """Apply the last value of `X-Forwarded-Proto`, which the nearest proxy wrote."""
    values = [value for name, value in scope["headers"] if name == b"x-forwarded-proto"]
    scheme = b",".join(values).rpartition(b",")[2].strip(b" \t").lower()
    if scheme in SCHEMES:
        is_secure = scheme in {b"https", b"wss"}
        plain = "ws" if scope["type"] == "websocket" else "http"
        scope["scheme"] = f"{plain}s" if is_secure else plain
