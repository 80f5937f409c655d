"""Authenticated ways in to uploads."""

from tests.credential_ways import Way

WAYS = {"upload": Way("/api/v1/files", b"Content-Length: 0\r\n", "POST", success=415)}
