"""OpenAPI of the event stream."""

from tests.openapi import DOCUMENT, OPERATIONS


def test_ticket_is_a_way_to_authenticate() -> None:
    scheme = DOCUMENT["components"]["securitySchemes"]["Ticket"]

    assert {"Ticket": []} in OPERATIONS["stream_events"]["security"]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "query", "ticket")
