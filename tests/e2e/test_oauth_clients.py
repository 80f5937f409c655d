"""OAuth libraries against the running service: Authlib, requests-oauthlib and httpx-auth."""

import asyncio
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from httpx_auth import InvalidGrantRequest, OAuth2ResourceOwnerPasswordCredentials
from oauthlib.oauth2 import (
    BackendApplicationClient,
    InvalidClientError,
    InvalidGrantError,
    InvalidScopeError,
    LegacyApplicationClient,
    UnsupportedGrantTypeError,
)
from requests_oauthlib import OAuth2Session

from tests.conftest import copy_template, with_database
from tests.e2e.service import Service, running_service

PASSWORD = "correct horse + battery & staple = 100 %"
SCOPES = "items:read users:read"
EXPIRED = 1  # Unix seconds.


@pytest.fixture(autouse=True)
def _allow_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both libraries reject http:// otherwise, also on the loopback interface."""
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture(scope="module")
def service(
    server_url: str, worker_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder, name = tmp_path_factory.mktemp("oauth"), f"oauth_{worker_id}"
    asyncio.run(copy_template(server_url, name))
    environment = {
        "ENVIRONMENT": "test",
        "SECRET_KEY": "a-secret-for-tests-of-oauth-libraries",
        "DATABASE_URL": with_database(server_url, name),
        "LOG_LEVEL": "error",
    }
    with running_service(folder, environment, workers=1) as service:
        yield service


@pytest.fixture(scope="module")
def metadata(service: Service) -> dict[str, Any]:
    response = service.request("GET", "/.well-known/oauth-authorization-server")
    assert response.status_code == 200
    found: dict[str, Any] = response.json()
    return found


@pytest.fixture(scope="module")
def token_url(metadata: dict[str, Any]) -> str:
    return str(metadata["token_endpoint"])


@pytest.fixture(scope="module")
def profile_url(service: Service) -> str:
    return f"{service.url}/api/v1/users/me"


@pytest.fixture(scope="module")
def username(service: Service) -> str:
    name = f"p{uuid.uuid4().hex[:12]}"
    body = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
    assert service.request("POST", "/api/v1/auth/register", json=body).status_code == 201
    return name


def test_metadata_holds_for_authlib(service: Service, metadata: dict[str, Any]) -> None:
    AuthorizationServerMetadata(metadata).validate()

    assert metadata["issuer"] == service.url
    assert metadata["token_endpoint_auth_methods_supported"] == ["none"]
    assert metadata["grant_types_supported"] == ["password", "refresh_token"]


@pytest.mark.parametrize("library", [OAuth2Client, AuthlibSession])
class TestAuthlib:
    @pytest.fixture
    def client(self, library: Any, token_url: str) -> Iterator[Any]:
        with library(client_id="tests", scope=SCOPES, token_endpoint=token_url) as client:
            yield client

    def test_signs_in(self, client: Any, username: str, profile_url: str) -> None:
        token = client.fetch_token(username=username, password=PASSWORD)

        assert (token["scope"], token["token_type"]) == (SCOPES, "bearer")
        assert client.get(profile_url).json()["username"] == username

    def test_refreshes_an_expired_token(self, client: Any, username: str, profile_url: str) -> None:
        old = client.fetch_token(username=username, password=PASSWORD)
        client.token = {**old, "expires_at": EXPIRED}

        response = client.get(profile_url)

        assert response.json()["username"] == username
        assert client.token["refresh_token"] != old["refresh_token"]

    def test_raises_on_a_wrong_password(self, client: Any, username: str) -> None:
        with pytest.raises(OAuthError) as raised:
            client.fetch_token(username=username, password="wrong")

        assert raised.value.error == "invalid_grant"
        assert raised.value.description == "The user name or the password is wrong."
        assert not client.token

    def test_revocation_ends_access_and_refresh(
        self, client: Any, username: str, metadata: dict[str, Any], profile_url: str
    ) -> None:
        token = client.fetch_token(username=username, password=PASSWORD)

        response = client.revoke_token(
            metadata["revocation_endpoint"],
            token=token["refresh_token"],
            token_type_hint="refresh_token",
        )

        assert response.status_code == 200
        assert client.get(profile_url).status_code == 401
        client.token = {**token, "expires_at": EXPIRED}
        with pytest.raises(OAuthError) as raised:
            client.get(profile_url)
        assert raised.value.error == "invalid_grant"

    def test_narrows_the_scope(self, client: Any, username: str, profile_url: str) -> None:
        client.fetch_token(username=username, password=PASSWORD)

        narrow = client.refresh_token(scope="items:read")
        status = client.get(profile_url).status_code
        wide = client.refresh_token()

        assert (narrow["scope"], status, wide["scope"]) == ("items:read", 403, SCOPES)

    @pytest.mark.parametrize("scope", ["items:write", "unknown", "items:read items:write"])
    def test_raises_on_a_scope_that_was_not_granted(
        self, client: Any, username: str, scope: str
    ) -> None:
        client.fetch_token(username=username, password=PASSWORD)

        with pytest.raises(OAuthError) as raised:
            client.refresh_token(scope=scope)

        assert raised.value.error == "invalid_scope"
        assert client.refresh_token()["scope"] == SCOPES

    def test_raises_on_a_client_secret(
        self, library: Any, client: Any, token_url: str, username: str
    ) -> None:
        with (
            library("tests", "a-secret", token_endpoint=token_url) as confidential,
            pytest.raises(OAuthError) as raised,
        ):
            confidential.fetch_token(username=username, password=PASSWORD)

        assert raised.value.error == "invalid_client"


class TestRequestsOauthlib:
    @pytest.fixture
    def session(self, token_url: str) -> Iterator[OAuth2Session]:
        client = LegacyApplicationClient(client_id="tests", scope=SCOPES)
        with OAuth2Session(
            client=client, scope=SCOPES, auto_refresh_url=token_url, token_updater=str
        ) as session:
            yield session

    def test_signs_in(
        self, session: OAuth2Session, token_url: str, username: str, profile_url: str
    ) -> None:
        token = session.fetch_token(token_url, username=username, password=PASSWORD)

        assert set(token.scopes) == set(SCOPES.split())
        assert session.get(profile_url).json()["username"] == username

    @pytest.mark.parametrize(
        "how", [{"include_client_id": True}, {"include_client_id": True, "client_secret": ""}]
    )
    def test_signs_in_with_its_name_in_the_form(
        self, session: OAuth2Session, token_url: str, username: str, how: dict[str, Any]
    ) -> None:
        token = session.fetch_token(token_url, username=username, password=PASSWORD, **how)

        assert token["expires_in"] == 900

    def test_refreshes_an_expired_token(
        self, session: OAuth2Session, token_url: str, username: str, profile_url: str
    ) -> None:
        old = session.fetch_token(token_url, username=username, password=PASSWORD)
        session.token = {**old, "expires_in": -30, "expires_at": EXPIRED}

        response = session.get(profile_url)

        assert response.json()["username"] == username
        assert session.token["refresh_token"] != old["refresh_token"]

    def test_raises_on_a_wrong_password(
        self, session: OAuth2Session, token_url: str, username: str
    ) -> None:
        with pytest.raises(InvalidGrantError, match="The user name or the password is wrong"):
            session.fetch_token(token_url, username=username, password="wrong")

    def test_raises_on_a_revoked_refresh_token(
        self,
        session: OAuth2Session,
        token_url: str,
        username: str,
        metadata: dict[str, Any],
        profile_url: str,
    ) -> None:
        token = session.fetch_token(token_url, username=username, password=PASSWORD)
        client = LegacyApplicationClient(client_id="tests")
        url, headers, body = client.prepare_token_revocation_request(
            metadata["revocation_endpoint"], token["access_token"], "access_token"
        )

        assert session.post(url, data=body, headers=headers).status_code == 200

        assert session.get(profile_url).status_code == 401
        with pytest.raises(InvalidGrantError):
            session.refresh_token(token_url)

    def test_raises_on_an_unknown_scope(self, token_url: str, username: str) -> None:
        client = LegacyApplicationClient(client_id="tests", scope="unknown")
        with (
            OAuth2Session(client=client) as session,
            pytest.raises(InvalidScopeError),
        ):
            session.fetch_token(token_url, username=username, password=PASSWORD)

    def test_raises_on_a_client_secret(
        self, session: OAuth2Session, token_url: str, username: str
    ) -> None:
        with pytest.raises(InvalidClientError):
            session.fetch_token(
                token_url, username=username, password=PASSWORD, client_secret="a-secret"
            )

    def test_raises_on_another_grant(self, token_url: str) -> None:
        with (
            OAuth2Session(client=BackendApplicationClient(client_id="tests")) as session,
            pytest.raises(UnsupportedGrantTypeError),
        ):
            session.fetch_token(token_url)


class TestHttpxAuth:
    def test_signs_in_and_refreshes_an_expired_token(
        self, token_url: str, username: str, profile_url: str
    ) -> None:
        sent: list[bytes] = []
        with httpx.Client(trust_env=False) as own, httpx.Client(trust_env=False) as client:
            own.event_hooks["request"] = [lambda request: sent.append(request.read())]
            auth = OAuth2ResourceOwnerPasswordCredentials(
                token_url,
                username,
                PASSWORD,
                scope=SCOPES,
                client=own,
                early_expiry=1000,  # Longer than a token lives, so that each request refreshes.
            )

            names = [client.get(profile_url, auth=auth).json()["username"] for _ in range(3)]

        assert names == [username] * 3
        kinds = [b"grant_type=password" in body for body in sent]
        assert kinds == [True, False, False]

    def test_raises_on_a_wrong_password(
        self, token_url: str, username: str, profile_url: str
    ) -> None:
        auth = OAuth2ResourceOwnerPasswordCredentials(token_url, username, "wrong")

        with (
            httpx.Client(trust_env=False) as client,
            pytest.raises(InvalidGrantRequest, match="invalid_grant: The user name or"),
        ):
            client.get(profile_url, auth=auth)

    def test_signs_in_again_when_the_refresh_token_was_revoked(
        self, service: Service, token_url: str, username: str, profile_url: str
    ) -> None:
        responses: list[dict[str, Any]] = []

        def keep(response: httpx.Response) -> None:
            response.read()
            responses.append(response.json())

        with httpx.Client(trust_env=False) as own, httpx.Client(trust_env=False) as client:
            own.event_hooks["response"] = [keep]
            auth = OAuth2ResourceOwnerPasswordCredentials(
                token_url, username, PASSWORD, client=own, early_expiry=1000
            )
            client.get(profile_url, auth=auth)
            form = {"token": responses[0]["refresh_token"]}
            service.request("POST", "/api/v1/auth/revoke", data=form)

            response = client.get(profile_url, auth=auth)

        assert response.json()["username"] == username
        assert [answer.get("error") for answer in responses] == [None, "invalid_grant", None]
