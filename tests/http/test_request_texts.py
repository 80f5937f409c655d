"""Text in requests: normalized, visible, and decoded strictly."""

import unicodedata
from typing import Any

import pytest
from httpx2 import AsyncClient, Response

from app.features.users.models.user import User
from app.runtime.text import MAX_MARKS
from tests.conftest import As, Database, Save
from tests.factories import PASSWORD, item_body, make_item, make_user
from tests.features.conftest import address
from tests.problems import assert_problem, broken

API = "/api/v1"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
INVISIBLE = ["\u200b", "\u3164" * 3, "\u115f", "\u2800", "\u0301", "\u00ad\u200d", "\ue000"]
NFD = unicodedata.normalize("NFD", "Caf\u00e9 na\u00efve")


@pytest.fixture
async def owner(as_user: As, user: User) -> AsyncClient:
    return await as_user(user)


@pytest.fixture
async def chief(as_user: As, admin: User) -> AsyncClient:
    return await as_user(admin)


class TestNormalization:
    async def test_name_is_stored_in_nfc(self, owner: AsyncClient) -> None:
        response = await owner.post(f"{API}/items", json=item_body(name=NFD))

        assert response.json()["name"] == unicodedata.normalize("NFC", NFD)

    async def test_length_is_counted_after_normalization(self, owner: AsyncClient) -> None:
        name = unicodedata.normalize("NFD", "\u00e9" * 100)

        response = await owner.post(f"{API}/items", json=item_body(name=name))

        assert response.status_code == 201

    @pytest.mark.parametrize("text", INVISIBLE)
    @pytest.mark.parametrize(
        ("path", "field", "body"),
        [
            ("items", "name", item_body()),
            ("items", "description", item_body()),
        ],
    )
    async def test_text_with_nothing_visible_is_rejected(
        self, owner: AsyncClient, path: str, field: str, body: dict[str, Any], text: str
    ) -> None:
        response = await owner.post(f"{API}/{path}", json=body | {field: text})

        assert broken(response) == {f"/body/{field}": "text_invisible"}

    @pytest.mark.parametrize("letter", ["\n", "\t", "\x07", "\x85", "\u2028", "\u202e", "\u2066"])
    async def test_control_character_in_a_line_is_rejected(
        self, owner: AsyncClient, letter: str
    ) -> None:
        response = await owner.post(f"{API}/items", json=item_body(name=f"a{letter}b"))

        assert broken(response) == {"/body/name": "text_control_character"}

    async def test_description_may_have_lines_and_tabs(self, owner: AsyncClient) -> None:
        text = "Solid wood:\r\n\t- oiled\n\t- heavy"

        response = await owner.post(f"{API}/items", json=item_body(description=text))

        assert response.json()["description"] == text

    async def test_endless_marks_are_rejected(self, owner: AsyncClient) -> None:
        name = "a" + "\u0301\u0327" * 50_000

        response = await owner.post(f"{API}/items", json=item_body(description=name[:1_000]))

        assert broken(response) == {"/body/description": "text_too_many_marks"}
        assert MAX_MARKS == 30


class TestSearchOverHttp:
    @pytest.mark.parametrize("q", [NFD, "caf\u00e9", "CAF\u00c9", "node.js", "nod"])
    async def test_items_are_found(
        self, owner: AsyncClient, user: User, save: Save, q: str
    ) -> None:
        await save(make_item(user, name="Caf\u00e9 na\u00efve", description="with node.js"))
        await save(make_item(user, name="Something else"))

        listed = (await owner.get(f"{API}/items", params={"q": q})).json()["items"]

        assert [item["name"] for item in listed] == ["Caf\u00e9 na\u00efve"]

    async def test_users_are_found_by_a_spelling_of_the_domain(
        self, chief: AsyncClient, save: Save
    ) -> None:
        await save(make_user(email="ada@xn--exmple-cua.com"))

        for q in ("ex\u00e4mple.com", "ada@EX\u00c4MPLE.com", "xn--exmple"):
            listed = (await chief.get(f"{API}/users", params={"q": q})).json()["items"]
            assert [user["email"] for user in listed] == ["ada@xn--exmple-cua.com"]


class TestUsernames:
    @pytest.mark.parametrize(
        "name", ["admin\u200d", "\u3164" * 3, "\u0430dmin", "\uff41dmin", "d\u043e\u043c", "..."]
    )
    async def test_username_must_be_ascii(self, client: AsyncClient, name: str) -> None:
        response = await register(client, username=name)

        assert broken(response) == {"/body/username": "string_pattern_mismatch"}
        (error,) = response.json()["errors"]
        assert error["message"].startswith("Use letters A to Z, digits, dots")

    async def test_older_account_signs_in_and_keeps_its_name(
        self, client: AsyncClient, as_user: As, save: Save
    ) -> None:
        older = await save(make_user(username="\u0434\u043e\u043c"))

        signed_in = await sign_in(client, "\u0414\u041e\u041c")
        changed = await (await as_user(older)).patch(f"{API}/users/me", json={"full_name": "A"})

        assert (signed_in.status_code, changed.json()["username"]) == (200, "\u0434\u043e\u043c")


async def register(client: AsyncClient, **fields: Any) -> Response:
    body = {"email": address(), "username": "grace", "password": PASSWORD} | fields
    return await client.post(f"{API}/auth/register", json=body)


async def sign_in(client: AsyncClient, username: str, password: str = PASSWORD) -> Response:
    form = {"username": username, "password": password}
    return await client.post(f"{API}/auth/token", data=form)


class TestEmailAddresses:
    @pytest.mark.parametrize(
        "email", ["ada@ex\u00e4mple.com", "ada@exa\u0308mple.com", "Ada@XN--EXMPLE-CUA.com"]
    )
    async def test_spellings_of_one_address_are_one_account(
        self, client: AsyncClient, database: Database, email: str
    ) -> None:
        first = await register(client, email="ada@xn--exmple-cua.com", username="first")
        second = await register(client, email=email, username="second")

        assert first.json()["email"] == "ada@xn--exmple-cua.com"
        assert_problem(second, 409, "email_taken")
        assert (await sign_in(client, email)).status_code == 200

    @pytest.mark.parametrize(
        "email",
        ["ada@xn--zzzz.com", "ada@localhost", "\u0430da@example.com", "a\u200bda@example.com"],
    )
    async def test_malformed_address_is_rejected(self, client: AsyncClient, email: str) -> None:
        assert list(broken(await register(client, email=email))) == ["/body/email"]


class TestPasswords:
    async def test_password_signs_in_in_any_normal_form(self, client: AsyncClient) -> None:
        password = "Gr\u00f6\u00dfe\u00a0und L\u00e4nge"
        email = (await register(client, password=password)).json()["email"]

        composed = unicodedata.normalize("NFC", password)
        for typed in (composed, unicodedata.normalize("NFD", password)):
            assert (await sign_in(client, email, typed)).status_code == 200

    async def test_change_and_reset_prepare_the_password(
        self, client: AsyncClient, as_user: As, user: User
    ) -> None:
        new = "Gro\u0308\u00dfe und Weite"
        body = {"current_password": PASSWORD, "new_password": new}

        changed = await (await as_user(user)).put(f"{API}/users/me/password", json=body)

        assert changed.status_code == 204
        composed = unicodedata.normalize("NFC", new)
        assert (await sign_in(client, user.email, composed)).status_code == 200

    async def test_control_character_is_rejected(self, client: AsyncClient) -> None:
        response = await register(client, password="a bell \x07 and more")

        assert broken(response) == {"/body/password": "text_control_character"}


class TestDecoding:
    @pytest.mark.parametrize("query", ["q=caf%E9", "q=%FF%FE%00", "q=%ED%A0%80", "%E9=x"])
    async def test_query_in_invalid_utf_8_is_rejected(self, owner: AsyncClient, query: str) -> None:
        response = await owner.get(f"{API}/items?{query}")

        assert broken(response) == {"/query" if query[0] == "%" else "/query/q": "text_encoding"}

    @pytest.mark.parametrize("password", ["Gr%F6%DFe", b"Gr\xf6\xdfe".decode("latin-1")])
    async def test_token_request_in_invalid_utf_8_is_rejected(
        self, client: AsyncClient, password: str
    ) -> None:
        body = f"username=ada&password={password}".encode("latin-1")

        response = await client.post(f"{API}/auth/token", content=body, headers=FORM)

        assert_problem(response, 400, "invalid_request")  # RFC 6749, section 5.2.

    async def test_form_of_a_page_in_another_charset_is_rejected(self, client: AsyncClient) -> None:
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=iso-8859-1"}

        response = await client.post("/verify-email", content=b"token=a", headers=headers)

        assert broken(response) == {"/body": "charset_unsupported"}

    async def test_form_of_a_page_is_decoded_strictly(self, client: AsyncClient) -> None:
        response = await client.post("/verify-email", content=b"token=%E9", headers=FORM)

        assert broken(response) == {"/body/token": "text_encoding"}

    async def test_number_that_is_too_long_to_parse_is_rejected(self, owner: AsyncClient) -> None:
        body = b'{"name": "A", "price": 1' + 5000 * b"0" + b"}"

        response = await owner.post(
            f"{API}/items", content=body, headers={"Content-Type": "application/json"}
        )

        assert broken(response) == {"/body": "int_parsing_size"}

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32-le"])
    async def test_json_is_read_in_every_encoding_of_unicode(
        self, owner: AsyncClient, encoding: str
    ) -> None:
        body = '{"name": "Caf\u00e9", "price": "1.00"}'.encode(encoding)
        headers = {"Content-Type": "application/json"}

        response = await owner.post(f"{API}/items", content=body, headers=headers)

        assert response.json()["name"] == "Caf\u00e9"

    async def test_json_in_invalid_utf_8_is_rejected(self, owner: AsyncClient) -> None:
        body = b'{"name": "Caf\xe9", "price": "1.00"}'
        headers = {"Content-Type": "application/json; charset=iso-8859-1"}

        response = await owner.post(f"{API}/items", content=body, headers=headers)

        assert broken(response) == {"/body": "text_encoding"}

    @pytest.mark.parametrize(
        ("sent", "stored"),
        [
            (b"Caf\xc3\xa9/1.0", "Caf\u00e9/1.0"),
            (b"Caf\xe9/1.0", "Caf/1.0"),
            (b"a" * 300, "a" * 255),
        ],
    )
    async def test_user_agent_is_stored_as_text(
        self, client: AsyncClient, user: User, database: Database, sent: bytes, stored: str
    ) -> None:
        form = {"username": user.email, "password": PASSWORD}
        await client.post(f"{API}/auth/token", data=form, headers=[(b"User-Agent", sent)])

        assert await database("SELECT user_agent FROM sessions") == [{"user_agent": stored}]
