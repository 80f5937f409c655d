"""Documentation page in the metadata of the authorization server."""

from tests.conftest import Running, new_client

METADATA = "/.well-known/oauth-authorization-server"


async def test_is_named(running: Running) -> None:
    async with running(public_url="https://api.example.com") as app, new_client(app) as client:
        metadata = (await client.get(METADATA)).json()

    assert metadata["service_documentation"] == "https://api.example.com/docs"


async def test_is_left_out_if_disabled(running: Running) -> None:
    async with running(docs_enabled=False) as app, new_client(app) as client:
        assert "service_documentation" not in (await client.get(METADATA)).json()
