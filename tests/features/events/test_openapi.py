"""OpenAPI of the event stream."""

from app.features.events.event_types import type_names
from tests.openapi import DOCUMENT, OPERATIONS


def test_ticket_is_a_way_to_authenticate() -> None:
    scheme = DOCUMENT["components"]["securitySchemes"]["Ticket"]

    assert {"Ticket": []} in OPERATIONS["stream_events"]["security"]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "query", "ticket")


def test_stream_has_the_schema_of_each_event_type() -> None:
    content = OPERATIONS["stream_events"]["responses"]["200"]["content"]["text/event-stream"]

    assert content["schema"]["discriminator"]["mapping"].keys() == {*type_names()}
    assert len(content["schema"]["oneOf"]) == len(type_names())
