"""Schemas of users."""

from typing import Any

import pytest
from pydantic import ValidationError

from app.features.users.schemas import ProfileUpdate, UserBase, UserRegister

ADA = {"email": "ada@example.com", "username": "ada"}


class TestEmail:
    @pytest.mark.parametrize(
        "email",
        [
            "ada",
            "ada@",
            "@example.com",
            "ada@example",
            "ada@@example.com",
            "a d a@example.com",
            "\u0430da@example.com",
            "ada\0@example.com",
            f"ada@{'a' * 250}.com",
            7,
            None,
        ],
    )
    def test_undeliverable_address_is_rejected(self, email: Any) -> None:
        with pytest.raises(ValidationError):
            UserBase.model_validate(ADA | {"email": email})


class TestUsername:
    @pytest.mark.parametrize("username", ["ada", "Ada.Lovelace-1", "a_b", "4da"])
    def test_word_is_accepted(self, username: str) -> None:
        assert UserBase.model_validate(ADA | {"username": username}).username == username

    def test_is_trimmed(self) -> None:
        assert UserBase.model_validate(ADA | {"username": " ada\n"}).username == "ada"

    @pytest.mark.parametrize(
        "username",
        ["", "ab", "a" * 51, "a b c", "a@b", "ad\na", "ada/..", "a\0da", "a\u200bda", "...", 7],
    )
    def test_anything_else_is_rejected(self, username: Any) -> None:
        with pytest.raises(ValidationError):
            UserBase.model_validate(ADA | {"username": username})


class TestPassword:
    @pytest.mark.parametrize("password", ["x" * 11, "x" * 129, "\ud800" * 12, 12, None])
    def test_out_of_bounds_is_rejected(self, password: Any) -> None:
        with pytest.raises(ValidationError) as caught:
            UserRegister.model_validate(ADA | {"password": password})

        assert str(password) not in str(caught.value)

    @pytest.mark.parametrize("password", ["x" * 12, "x" * 128, " " * 12, "\U0001f9ff" * 12])
    def test_any_character_is_accepted(self, password: str) -> None:
        data = UserRegister.model_validate(ADA | {"password": password})

        assert data.password.get_secret_value() == password
        assert password not in repr(data)


class TestProfileUpdate:
    @pytest.mark.parametrize(
        "field", ["role", "is_active", "email_verified", "password_hash", "id"]
    )
    def test_fields_that_the_server_sets_are_rejected(self, field: str) -> None:
        with pytest.raises(ValidationError, match="extra_forbidden"):
            ProfileUpdate.model_validate({field: "admin"})

    @pytest.mark.parametrize("age", [-1, 151, "36", 36.0, True])
    def test_age_is_a_number_of_years(self, age: Any) -> None:
        with pytest.raises(ValidationError):
            ProfileUpdate.model_validate({"age": age})
