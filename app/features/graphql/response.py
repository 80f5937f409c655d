"""Response of an operation: media types and status codes of GraphQL over HTTP, section 6."""

from typing import Any

from fastapi import Request, status
from fastapi.responses import JSONResponse

from app.http.header_fields import preferred_media_type

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"


def graphql_response(request: Request, result: dict[str, Any]) -> JSONResponse:
    """Return the result with the media type that the client prefers.

    The status tells a rejected request from an executed one, except in `application/json`, where
    clients expect 200 for everything that a GraphQL server says (section 6.4.1).
    """
    accept = request.headers.get("accept", "").lower()
    # Only a client that names it: any client knows the other.
    is_known = GRAPHQL_JSON in accept
    if not is_known or preferred_media_type(accept, (GRAPHQL_JSON, JSON)) != GRAPHQL_JSON:
        return JSONResponse(result)
    status_code = status.HTTP_200_OK if "data" in result else status.HTTP_400_BAD_REQUEST
    return JSONResponse(result, status_code=status_code, media_type=GRAPHQL_JSON)
