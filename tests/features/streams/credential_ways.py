"""Authenticated ways in to tickets."""

from tests.credential_ways import Way

WAYS = {"ticket": Way("/api/v1/auth/ws-ticket", b"Content-Length: 0\r\n", "POST")}
