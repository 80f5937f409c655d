"""Authenticated ways in to the event stream."""

from tests.credential_ways import Way

WAYS = {"event stream": Way("/api/v1/events", takes_ticket=True)}
