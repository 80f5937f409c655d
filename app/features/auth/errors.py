"""Errors of sign-in."""

from app.errors import Unauthenticated


class InvalidCredentials(Unauthenticated):
    """The same error for an unknown account, a disabled account and a wrong password."""

    code = "invalid_credentials"
    title = "Invalid credentials"
    remedy = "Check the user name and the password."
