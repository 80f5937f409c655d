"""Pages that document the API."""

import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient

from app.config.known_secrets import DEMO_PASSWORD
from app.features.openapi_details.problem_types import problem_types
from tests.conftest import Running, new_client
from tests.problems import assert_problem


class TestLandingPage:
    async def test_shows_the_release_and_links(self, client: AsyncClient) -> None:
        response = await client.get("/")

        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        for path in ("/docs", "/redoc", "/health", "/openapi.json"):
            assert f'href="{path}"' in response.text
        assert response.text.count("curl ") == 5

    async def test_settings_are_escaped(self, running: Running) -> None:
        changes = {"project_name": "<script>", "description": "a & b"}

        async with running(**changes) as app, new_client(app) as client:
            response = await client.get("/")

        assert "<script>" not in response.text
        assert "a &amp; b" in response.text

    async def test_password_is_shown_in_development_alone(self, running: Running) -> None:
        async with running(environment="development") as app, new_client(app) as client:
            assert DEMO_PASSWORD in (await client.get("/")).text
        async with running(environment="production") as app, new_client(app) as client:
            assert DEMO_PASSWORD not in (await client.get("/")).text

    async def test_links_start_with_the_root_path(self, app: FastAPI) -> None:
        transport = ASGITransport(app, root_path="/shop")
        async with AsyncClient(transport=transport, base_url="http://test") as client:
            response = await client.get("/shop/")

        assert 'href="/shop/docs"' in response.text
        assert "http://test/shop/api/v1" in response.text

    async def test_does_not_repeat_another_host(self, running: Running) -> None:
        async with running(public_url="https://api.example.com") as app, new_client(app) as client:
            response = await client.get("/", headers={"Host": "evil.example"})

        assert "https://api.example.com/api/v1" in response.text
        assert "evil" not in response.text

    async def test_runs_nothing_and_loads_nothing_from_elsewhere(self, client: AsyncClient) -> None:
        response = await client.get("/")

        assert "<script" not in response.text
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]


class TestDocumentation:
    @pytest.mark.parametrize("path", ["/docs", "/redoc"])
    async def test_every_file_comes_from_the_service(self, client: AsyncClient, path: str) -> None:
        page = (await client.get(path)).text

        loaded = [part.split('"')[0] for part in page.split('src="')[1:]]
        assert loaded
        for address in loaded:
            response = await client.get(address)
            assert response.status_code == 200
            assert "immutable" in response.headers["Cache-Control"]

    @pytest.mark.parametrize("path", ["/docs", "/redoc", "/docs/oauth2-redirect"])
    async def test_inline_scripts_stay_forbidden(self, client: AsyncClient, path: str) -> None:
        policy = (await client.get(path)).headers["Content-Security-Policy"]

        scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
        assert "unsafe-inline" not in scripts

    async def test_api_leads_to_the_docs(self, client: AsyncClient) -> None:
        response = await client.get("/api")

        assert response.status_code == 307
        assert response.headers["Location"] == "/docs"

    @pytest.mark.parametrize("path", ["/docs", "/redoc", "/api"])
    async def test_can_be_disabled(self, running: Running, path: str) -> None:
        async with running(docs_enabled=False) as app, new_client(app) as client:
            response = await client.get(path)
            landing = await client.get("/")

        assert_problem(response, 404, "not_found")
        assert "/docs" not in landing.text


class TestProblemPages:
    async def test_type_is_the_url_of_its_page(self, client: AsyncClient) -> None:
        problem = (await client.get("/nothing")).json()

        page = await client.get(problem["type"])

        assert page.status_code == 200
        assert problem["title"] in page.text

    @pytest.mark.parametrize("code", sorted(problem_types()))
    async def test_every_type_has_a_page(self, client: AsyncClient, code: str) -> None:
        response = await client.get(f"/problems/{code}")

        assert response.status_code == 200
        assert problem_types()[code].remedy.split("`")[0] in response.text

    async def test_index_links_to_all_types(self, client: AsyncClient) -> None:
        response = await client.get("/problems")

        assert 'href="/problems/insufficient_scope"' in response.text

    async def test_unknown_type_is_not_found(self, client: AsyncClient) -> None:
        assert_problem(await client.get("/problems/nothing"), 404, "not_found")

    async def test_type_of_a_problem_is_the_url_of_its_page(self, client: AsyncClient) -> None:
        problem = (await client.get("/nothing/here")).json()

        assert (await client.get(problem["type"])).status_code == 200


class TestHeader:
    async def test_other_pages_link_to_the_documentation(self, client: AsyncClient) -> None:
        page = (await client.get("/verify-email")).text

        for path in ("/docs", "/redoc", "/health", "/problems"):
            assert f'href="{path}"' in page

    async def test_disabled_documentation_is_left_out(self, running: Running) -> None:
        async with running(docs_enabled=False) as app, new_client(app) as client:
            page = (await client.get("/verify-email")).text

        assert "/docs" not in page
        assert 'href="/problems"' in page


class TestStaticFiles:
    @pytest.mark.parametrize("encoding", ["gzip", "identity"])
    async def test_swagger_ui_is_sent_compressed_or_plain(
        self, client: AsyncClient, encoding: str
    ) -> None:
        headers = {"Accept-Encoding": encoding}

        response = await client.get("/static/swagger-ui-bundle.js", headers=headers)

        assert response.headers.get("Content-Encoding", "identity") == encoding
        assert response.headers["Content-Type"].startswith("text/javascript")


class TestQueryParameters:
    async def test_response_of_an_authorization_server_is_accepted(
        self, client: AsyncClient
    ) -> None:
        response = await client.get("/docs/oauth2-redirect?code=a&state=b")

        assert response.status_code == 200

    @pytest.mark.parametrize("path", ["/", "/docs"])
    async def test_unknown_parameter_is_rejected(self, client: AsyncClient, path: str) -> None:
        assert_problem(await client.get(path, params={"theme": "1"}), 422, "validation_failed")
