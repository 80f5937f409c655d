"""GraphQL operations over HTTP, and their responses."""

from typing import Any

from httpx2 import AsyncClient


async def execute(client: AsyncClient, query: str, **variables: Any) -> dict[str, Any]:
    response = await client.post("/graphql", json={"query": query, "variables": variables})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def data(client: AsyncClient, query: str, **variables: Any) -> Any:
    response = await execute(client, query, **variables)
    assert "errors" not in response, response
    return response["data"]


async def code(client: AsyncClient, query: str, **variables: Any) -> str:
    """Of the one error of an operation that is to fail."""
    response = await execute(client, query, **variables)
    (error,) = response["errors"]
    assert error["extensions"]["request_id"]
    return str(error["extensions"]["code"])
