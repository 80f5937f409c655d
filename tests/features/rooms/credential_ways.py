"""Authenticated ways in to rooms."""

from tests.credential_ways import HANDSHAKE, Way

WAYS = {"room handshake": Way("/api/v1/ws/lobby", HANDSHAKE, success=101, takes_ticket=True)}
