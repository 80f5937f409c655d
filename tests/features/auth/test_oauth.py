"""OAuth 2.0: the token endpoint, revocation and metadata, request by request."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response

from app.config.settings import Settings
from app.features.auth.password_limiter import AT_ONCE
from app.features.auth.resources import AuthResources
from app.features.auth.signing_keys import generate_pem
from app.features.users.lifespan import UserResources
from app.features.users.models.user import User
from app.http.request_limits import RequestLimits
from app.security.principals import Role
from tests.conftest import Database, Running, Save, new_client
from tests.factories import PASSWORD, make_user
from tests.features.conftest import AUTH, is_signed_in, refresh, sign_in, tokens
from tests.forged_tokens import from_base64url
from tests.problems import assert_problem
from tests.scopes import PERMISSIONS, SCOPES
from tests.state import resources_of

TOKEN = f"{AUTH}/token"
REVOKE = f"{AUTH}/revoke"
METADATA = "/.well-known/oauth-authorization-server"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def refresh_grant(client: AsyncClient, token: str, **parameters: str) -> Response:
    form = {"grant_type": "refresh_token", "refresh_token": token, **parameters}
    return await client.post(TOKEN, data=form)


def assert_oauth_error(response: Response, error: str, status: int = 400) -> dict[str, Any]:
    body = assert_problem(response, status, error)
    assert body["error"] == error
    assert body["error_description"] == body["detail"]
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Pragma"] == "no-cache"
    assert "Bearer" not in response.headers.get("WWW-Authenticate", "")
    return body


class TestForm:
    async def test_empty_and_unknown_parameters_are_ignored(
        self, client: AsyncClient, user: User
    ) -> None:
        extra = {"scope": "", "client_id": "", "client_secret": "", "audience": "x", "nonce": "1"}

        assert (await sign_in(client, user.email, **extra)).status_code == 200

    @pytest.mark.parametrize("name", ["username", "scope", "unknown"])
    async def test_repeated_parameter_is_an_invalid_request(
        self, client: AsyncClient, user: User, name: str
    ) -> None:
        form = [("username", user.email), ("password", PASSWORD), (name, "a"), (name, "a")]

        response = await client.post(TOKEN, content=urlencode(form), headers=FORM)

        assert_oauth_error(response, "invalid_request")

    @pytest.mark.parametrize("missing", ["username", "password"])
    async def test_missing_parameter_is_named(self, client: AsyncClient, missing: str) -> None:
        form = {"username": "grace", "password": PASSWORD, missing: ""}

        body = assert_oauth_error(await client.post(TOKEN, data=form), "invalid_request")

        assert body["detail"] == f"The parameter {missing} is missing."

    async def test_refresh_grant_needs_its_token(self, client: AsyncClient) -> None:
        assert_oauth_error(await refresh_grant(client, ""), "invalid_request")

    @pytest.mark.parametrize("grant", ["Password", "authorization_code"])
    async def test_other_grant_is_unsupported(self, client: AsyncClient, grant: str) -> None:
        response = await sign_in(client, "grace", grant_type=grant)

        assert_oauth_error(response, "unsupported_grant_type")

    @pytest.mark.parametrize(
        ("media_type", "password"),
        [
            ("application/x-www-form-urlencoded", b"gr%C3%BC%C3%9Fe+und+%2B+mehr"),
            ("application/x-www-form-urlencoded", "gr\u00fc\u00dfe+und+%2B+mehr".encode()),
            ("Application/X-WWW-Form-Urlencoded; Charset=UTF-8", b"gr%C3%BC%C3%9Fe+und+%2B+mehr"),
            (
                'application/x-www-form-urlencoded; charset="iso-8859-1"',
                b"gr%FC%DFe%20und+%2B%20mehr",
            ),
        ],
    )
    async def test_text_is_decoded_in_the_charset_of_the_form(
        self, client: AsyncClient, app: FastAPI, save: Save, media_type: str, password: bytes
    ) -> None:
        password_hash = await resources_of(app)[UserResources].passwords.hash(
            "gr\u00fc\u00dfe und + mehr"
        )
        user = await save(make_user(password_hash=password_hash))
        body = f"username={user.username}&password=".encode() + password

        response = await client.post(TOKEN, content=body, headers={"Content-Type": media_type})

        assert response.status_code == 200, response.text

    @pytest.mark.parametrize(
        "body",
        [
            b"username=a&password=%FF",
            b"username=a&password=%ED%A0%80abcdefghijk",
            b"username=a&password=\xff",
            b"&".join(b"a%d=1" % number for number in range(65)),
        ],
    )
    async def test_malformed_form_is_an_invalid_request(
        self, client: AsyncClient, body: bytes
    ) -> None:
        response = await client.post(TOKEN, content=body, headers=FORM)

        assert_oauth_error(response, "invalid_request")

    @pytest.mark.parametrize(
        "media_type",
        ["application/json", "text/plain", "application/x-www-form-urlencoded; charset=zlib"],
    )
    @pytest.mark.parametrize("path", [TOKEN, REVOKE])
    async def test_other_media_type_is_unsupported(
        self, client: AsyncClient, path: str, media_type: str
    ) -> None:
        response = await client.post(path, content=b"{}", headers={"Content-Type": media_type})

        body = assert_problem(response, 415, "unsupported_media_type")
        assert body["error"] == "invalid_request"
        assert response.headers["Accept"] == "application/x-www-form-urlencoded"


class TestClient:
    """Public clients only: a client may name itself, and has nothing to prove."""

    @pytest.mark.parametrize("credentials", ["tests:", ":"])
    async def test_name_without_a_password_is_accepted(
        self, client: AsyncClient, user: User, credentials: str
    ) -> None:
        """What oauthlib and Swagger UI send."""
        headers = {"Authorization": f"Basic {b64encode(credentials.encode()).decode()}"}
        form = {"username": user.email, "password": PASSWORD}

        assert (await client.post(TOKEN, data=form, headers=headers)).status_code == 200

    async def test_stale_access_token_is_ignored(self, client: AsyncClient, user: User) -> None:
        form = {"username": user.email, "password": PASSWORD}
        headers = {"Authorization": "Bearer expired"}

        assert (await client.post(TOKEN, data=form, headers=headers)).status_code == 200

    @pytest.mark.parametrize("path", [TOKEN, REVOKE])
    @pytest.mark.parametrize("credentials", [b"tests:a-secret", b":a-secret", b"no colon", None])
    async def test_basic_credentials_are_an_invalid_client(
        self, client: AsyncClient, user: User, path: str, credentials: bytes | None
    ) -> None:
        encoded = b64encode(credentials).decode() if credentials else "!"
        form = {"username": user.email, "password": PASSWORD, "token": "junk"}

        response = await client.post(path, data=form, headers={"Authorization": f"Basic {encoded}"})

        assert_oauth_error(response, "invalid_client", 401)
        assert response.headers["WWW-Authenticate"] == 'Basic realm="OAuth clients"'

    @pytest.mark.parametrize("name", ["client_secret", "client_assertion"])
    async def test_credentials_in_the_form_are_an_invalid_client(
        self, client: AsyncClient, user: User, name: str
    ) -> None:
        response = await sign_in(client, user.email, client_id="tests", **{name: "a-secret"})

        assert_oauth_error(response, "invalid_client", 401)
        assert response.headers["WWW-Authenticate"] == 'OAuth2-Grant error="invalid_client"'


class TestScope:
    @pytest.mark.parametrize(
        "scope", ["unknown", "items:read unknown", "x" * 5000, "items:read a\0b", "Items:Read"]
    )
    async def test_unknown_scope_is_invalid(
        self, client: AsyncClient, user: User, scope: str
    ) -> None:
        response = await sign_in(client, user.email, scope=scope)

        assert_oauth_error(response, "invalid_scope")
        assert scope not in response.text

    async def test_only_scopes_beyond_the_role_are_invalid(
        self, client: AsyncClient, user: User, database: Database
    ) -> None:
        response = await sign_in(client, user.email, scope="admin")

        assert_oauth_error(response, "invalid_scope")
        assert await database("SELECT id FROM sessions") == []

    async def test_scopes_of_the_sign_in_may_be_requested_again(
        self, client: AsyncClient, user: User
    ) -> None:
        """Authlib and oauthlib repeat them, also those that the role lacks."""
        pair = await tokens(client, user.email, scope="items:read admin")

        again = await refresh_grant(client, pair["refresh_token"], scope="items:read admin")

        assert (pair["scope"], again.json()["scope"]) == ("items:read", "items:read")


class TestRefreshGrant:
    async def test_exchanges_the_token_for_a_new_pair(
        self, client: AsyncClient, user: User
    ) -> None:
        old = await tokens(client, user.email)

        response = await refresh_grant(client, old["refresh_token"])

        new = response.json()
        assert new.keys() == old.keys()
        assert new["refresh_token"] != old["refresh_token"]
        assert response.headers["Pragma"] == "no-cache"
        assert await is_signed_in(client, new["access_token"])

    async def test_repeated_within_the_grace_gets_the_same_pair(
        self, client: AsyncClient, user: User
    ) -> None:
        old = (await tokens(client, user.email))["refresh_token"]

        by_form = await asyncio.gather(*(refresh_grant(client, old) for _ in range(3)))
        by_json = await refresh(client, old)

        assert len({response.content for response in [*by_form, by_json]}) == 1

    async def test_reuse_after_the_grace_ends_the_session(
        self, client: AsyncClient, user: User, database: Database
    ) -> None:
        old = await tokens(client, user.email)
        new = (await refresh_grant(client, old["refresh_token"])).json()
        await database("UPDATE sessions SET rotated_at = now() - interval '11 seconds'")

        assert_oauth_error(await refresh_grant(client, old["refresh_token"]), "invalid_grant")

        assert not await is_signed_in(client, new["access_token"])
        assert_oauth_error(await refresh_grant(client, new["refresh_token"]), "invalid_grant")

    @pytest.mark.parametrize("token", ["junk", f"rt_{'0' * 32}_0_{'0' * 64}", "x" * 5000, "a\0b"])
    async def test_token_of_another_service_is_an_invalid_grant(
        self, client: AsyncClient, token: str
    ) -> None:
        assert_oauth_error(await refresh_grant(client, token), "invalid_grant")

    async def test_scope_narrows_one_access_token_and_not_the_session(
        self, client: AsyncClient, user: User
    ) -> None:
        pair = await tokens(client, user.email, scope="items:read users:read")

        narrow = (await refresh_grant(client, pair["refresh_token"], scope="items:read")).json()
        again = (await refresh_grant(client, pair["refresh_token"], scope="users:read")).json()
        wide = (await refresh_grant(client, narrow["refresh_token"])).json()

        scopes = [response["scope"] for response in (narrow, again, wide)]
        assert scopes == ["items:read", "users:read", "items:read users:read"]
        ids = {
            from_base64url(response["access_token"].split(".")[1]).split(b'"jti":"')[1][:36]
            for response in (narrow, again, wide)
        }
        assert len(ids) == 3

    @pytest.mark.parametrize("scope", ["items:write", "items:read items:write", "admin", "unknown"])
    async def test_ungranted_scope_leaves_the_refresh_token_usable(
        self, client: AsyncClient, user: User, database: Database, scope: str
    ) -> None:
        pair = await tokens(client, user.email, scope="items:read")

        response = await refresh_grant(client, pair["refresh_token"], scope=scope)

        assert_oauth_error(response, "invalid_scope")
        assert await database("SELECT generation FROM sessions") == [{"generation": 0}]

    async def test_wrong_tokens_are_limited_and_right_ones_are_not(
        self, running: Running, user: User
    ) -> None:
        async with running(attempts_per_address=2) as app, new_client(app) as client:
            right = (await tokens(client, user.email))["refresh_token"]
            responses = [await refresh_grant(client, "junk") for _ in range(3)]
            after = await refresh_grant(client, right)

        assert [response.status_code for response in responses] == [400, 400, 429]
        body = assert_problem(responses[2], 429, "too_many_attempts")
        assert body["error"] == "temporarily_unavailable"
        assert after.status_code == 200

    async def test_refresh_does_not_wait_for_a_sign_in_slot(
        self, client: AsyncClient, app: FastAPI, user: User
    ) -> None:
        pair = await tokens(client, user.email)
        async with asyncio.timeout(20), every_turn_taken(app):
            response = await refresh_grant(client, pair["refresh_token"])

        assert response.status_code == 200


@asynccontextmanager
async def every_turn_taken(app: FastAPI) -> AsyncIterator[None]:
    limiter = resources_of(app)[AuthResources].password_limiter
    async with AsyncExitStack() as stack:
        for _ in range(AT_ONCE):
            await stack.enter_async_context(limiter.slot(RequestLimits()))
        yield


class TestErrorsOfJsonRefresh:
    async def test_used_token_carries_the_members_of_oauth(self, client: AsyncClient) -> None:
        response = await refresh(client, "junk")

        body = assert_problem(response, 401, "invalid_token")
        assert body["error"] == "invalid_grant"
        assert response.headers["WWW-Authenticate"] == 'OAuth2-Grant error="invalid_grant"'

    async def test_malformed_body_is_an_invalid_request(self, client: AsyncClient) -> None:
        response = await client.post(f"{AUTH}/refresh", json={})

        assert assert_problem(response, 422, "validation_failed")["error"] == "invalid_request"


class TestMediaTypeOfErrors:
    @pytest.mark.parametrize(
        ("accept", "media_type"),
        [
            ("application/json", "application/json"),
            ("text/html, Application/JSON;q=0.9", "application/json"),
            ("*/*", "application/problem+json"),
            ("application/json, text/plain, */*", "application/problem+json"),
            ("application/problem+json, application/json", "application/problem+json"),
            ("text/html", "application/problem+json"),
        ],
    )
    async def test_follows_the_accept_field(
        self, client: AsyncClient, accept: str, media_type: str
    ) -> None:
        response = await client.post(TOKEN, data={"a": "b"}, headers={"Accept": accept})

        assert response.status_code == 400
        assert response.headers["Content-Type"] == media_type
        assert response.json()["error"] == "invalid_request"

    async def test_other_endpoints_return_problems_for_any_accept_field(
        self, client: AsyncClient
    ) -> None:
        headers = {"Accept": "application/json"}

        response = await client.get("/api/v1/items", headers=headers)

        assert response.headers["Content-Type"] == "application/problem+json"
        assert "error" not in response.json()

    async def test_wrong_method_and_large_body_carry_the_members_of_oauth(
        self, client: AsyncClient
    ) -> None:
        wrong = await client.get(TOKEN)
        large = await client.post(TOKEN, content=b"a" * 2_000_000, headers=FORM)

        assert assert_problem(wrong, 405, "method_not_allowed")["error"] == "invalid_request"
        assert assert_problem(large, 413, "content_too_large")["error"] == "invalid_request"


class TestRevocation:
    async def revoke(self, client: AsyncClient, token: str, **parameters: str) -> Response:
        return await client.post(REVOKE, data={"token": token, **parameters})

    @pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
    @pytest.mark.parametrize("hint", ["", "access_token", "refresh_token", "saml"])
    async def test_ends_the_session_of_the_token(
        self, client: AsyncClient, user: User, kind: str, hint: str
    ) -> None:
        pair, other = await tokens(client, user.email), await tokens(client, user.email)
        assert await is_signed_in(client, pair["access_token"])

        response = await self.revoke(client, pair[kind], token_type_hint=hint)

        assert (response.status_code, response.content) == (200, b"")
        assert not await is_signed_in(client, pair["access_token"])
        assert_oauth_error(await refresh_grant(client, pair["refresh_token"]), "invalid_grant")
        assert await is_signed_in(client, other["access_token"])

    async def test_used_refresh_token_still_ends_its_session(
        self, client: AsyncClient, user: User
    ) -> None:
        old = await tokens(client, user.email)
        new = (await refresh(client, old["refresh_token"])).json()

        assert (await self.revoke(client, old["refresh_token"])).status_code == 200

        assert not await is_signed_in(client, new["access_token"])

    @pytest.mark.parametrize("token", ["junk", f"rt_{'0' * 32}_0_{'0' * 64}", "e.e.e", "a\0b"])
    async def test_unknown_token_needs_no_revocation(self, client: AsyncClient, token: str) -> None:
        assert (await self.revoke(client, token)).status_code == 200

    async def test_revoked_token_may_be_revoked_again(
        self, client: AsyncClient, user: User
    ) -> None:
        pair = await tokens(client, user.email)

        statuses = [
            (await self.revoke(client, pair[kind])).status_code
            for kind in ("access_token", "access_token", "refresh_token")
        ]

        assert statuses == [200, 200, 200]

    async def test_api_key_is_of_an_unsupported_type(self, client: AsyncClient) -> None:
        response = await self.revoke(client, "rk_prefix_secret")

        assert_oauth_error(response, "unsupported_token_type")

    async def test_missing_token_is_an_invalid_request(self, client: AsyncClient) -> None:
        assert_oauth_error(await self.revoke(client, ""), "invalid_request")

    async def test_unknown_tokens_are_limited_and_known_ones_are_not(
        self, running: Running, user: User
    ) -> None:
        async with running(attempts_per_address=2) as app, new_client(app) as client:
            pair = await tokens(client, user.email)
            responses = [await self.revoke(client, "junk") for _ in range(3)]
            known = await self.revoke(client, pair["refresh_token"])

        assert [response.status_code for response in responses] == [200, 200, 429]
        assert known.status_code == 200


class TestMetadata:
    async def test_names_endpoints_below_the_public_url(self, running: Running) -> None:
        async with running(public_url="https://api.example.com") as app, new_client(app) as client:
            response = await client.get(METADATA)

        metadata = response.json()
        metadata.pop("service_documentation", None)  # Of an optional feature.
        assert response.headers["Cache-Control"] == "public, max-age=300"
        assert metadata == {
            "issuer": "https://api.example.com",
            "token_endpoint": f"https://api.example.com{TOKEN}",
            "revocation_endpoint": f"https://api.example.com{REVOKE}",
            "scopes_supported": list(SCOPES),
            "grant_types_supported": ["password", "refresh_token"],
            "response_types_supported": ["none"],
            "token_endpoint_auth_methods_supported": ["none"],
            "revocation_endpoint_auth_methods_supported": ["none"],
        }

    async def test_issuer_matches_the_tokens(
        self, client: AsyncClient, app: FastAPI, user: User, settings: Settings
    ) -> None:
        pair = await tokens(client, user.email)

        metadata = (await client.get(METADATA)).json()

        payload = from_base64url(pair["access_token"].split(".")[1]).decode()
        assert f'"iss":"{metadata["issuer"]}"' in payload

    @pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
    async def test_names_the_public_keys_of_asymmetric_signatures(
        self, running: Running, tmp_path: Path, algorithm: Literal["ES256", "RS256"]
    ) -> None:
        file = tmp_path / "signing.pem"
        file.write_text(generate_pem(algorithm))
        async with (
            running(algorithm=algorithm, signing_key_file=file) as app,
            new_client(app) as client,
        ):
            metadata = (await client.get(METADATA)).json()

        assert metadata["jwks_uri"] == f"{metadata['issuer']}/.well-known/jwks.json"

    @pytest.mark.parametrize("role", Role)
    async def test_every_scope_of_a_role_is_listed(self, client: AsyncClient, role: Role) -> None:
        listed = (await client.get(METADATA)).json()["scopes_supported"]

        assert PERMISSIONS.of(role) <= set(listed)
