"""OAuth metadata for scripts of other origins."""

from tests.conftest import Running, new_client

METADATA = "/.well-known/oauth-authorization-server"


async def test_other_origins_may_read_the_metadata(running: Running) -> None:
    origin = "https://app.example.com"
    async with running(allowed_origins=[origin]) as app, new_client(app) as client:
        response = await client.get(METADATA, headers={"Origin": origin})

    assert response.headers["Access-Control-Allow-Origin"] == origin
