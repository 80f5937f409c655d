"""Schemas of mailed links."""

from typing import Annotated

from pydantic import Field

from app.features.users.schemas import Email, Password
from app.http.schemas import OPAQUE, In, Storable

Token = Annotated[
    Storable, Field(min_length=1, max_length=100, examples=["3yZ6c8Qm0bB1..."]), OPAQUE
]


class EmailVerification(In):
    token: Token


class PasswordForgotten(In):
    email: Email


class PasswordReset(In):
    token: Token
    new_password: Password
