"""Schemas of mailed links."""

from typing import Annotated

from pydantic import Field

from app.features.users.schemas import Email, Password
from app.http.schemas import OPAQUE, RequestModel, Storable

Token = Annotated[
    Storable, Field(min_length=1, max_length=100, examples=["3yZ6c8Qm0bB1..."]), OPAQUE
]


class EmailVerification(RequestModel):
    token: Token
    """Token of the link in the mail."""


class PasswordForgotten(RequestModel):
    email: Email
    """E-mail address of the account."""


class PasswordReset(RequestModel):
    token: Token
    """Token of the link in the mail."""
    new_password: Password
    """The new password, 12 to 128 characters; common passwords and your own names are rejected."""
