"""Authenticated ways in to GraphQL."""

import json

from tests.credential_ways import HANDSHAKE, Way

QUERY = json.dumps({"query": "{ me { id } }"}).encode()
JSON_BODY = b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(QUERY)
WAYS = {
    "graphql": Way("/graphql", JSON_BODY, "POST", QUERY),
    "graphql handshake": Way("/graphql", HANDSHAKE, success=101, takes_ticket=True),
}
