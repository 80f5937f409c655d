"""Schemas of users and sessions."""

import uuid
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import MISSING, ConfigDict, Field, SecretStr, StringConstraints

from app.config.known_secrets import DEMO_PASSWORD
from app.features.users.passwords import MAX_LENGTH, MAX_TYPED_LENGTH, MIN_LENGTH
from app.features.users.texts import EMAIL, PASSWORD, STORABLE_SECRET
from app.http.problem_details import MESSAGES
from app.http.schemas import LINE, Described, RequestModel, ResponseModel, Storable, Stored
from app.security.principals import Role

# Of the seed data, so that an example that is executed untouched succeeds.
EXAMPLE_ID = "01900000-0000-7000-8000-000000001002"
OTHER_EXAMPLE_ID = "01900000-0000-7000-8000-000000001003"
SESSION_EXAMPLE_ID = "01900000-0000-7000-8000-000000006001"
# Applies to new names only: accounts with other names can sign in with them. ADR 0028.
USERNAME = "^[._-]*[A-Za-z0-9][A-Za-z0-9._-]*$"
MESSAGES[USERNAME] = (
    "Use letters A to Z, digits, dots, hyphens and underscores, among them a letter or digit"
)

# The length of the stored form, which has the domain as A-labels.
Email = Annotated[
    Storable,
    Field(max_length=254, examples=["ada@example.com"], json_schema_extra={"format": "email"}),
    EMAIL,
]
Username = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=USERNAME, min_length=3, max_length=50),
    Field(examples=["ada"]),
]
FullName = Annotated[Storable, Field(min_length=1, max_length=100, examples=["Ada Lovelace"]), LINE]
Age = Annotated[int, Field(ge=0, le=150, examples=[36])]
Password = Annotated[
    SecretStr,
    Field(
        min_length=MIN_LENGTH,
        max_length=MAX_LENGTH,
        strict=False,
        examples=["correct horse battery staple"],
    ),
    PASSWORD,
]


# The examples of requests are valid for the demo users.
CurrentPassword = Annotated[
    SecretStr,
    Field(min_length=1, max_length=MAX_TYPED_LENGTH, strict=False, examples=[DEMO_PASSWORD]),
    STORABLE_SECRET,
]
AnyRole = Annotated[Role, Field(strict=False)]


class Address(Described):
    model_config = ConfigDict(strict=True, extra="forbid", from_attributes=True)

    street: Annotated[
        Storable, Field(min_length=1, max_length=200, examples=["12 St James's Square"]), LINE
    ]
    """Street and number."""
    city: Annotated[Storable, Field(min_length=1, max_length=100, examples=["London"]), LINE]
    """City."""
    country: Annotated[Storable, Field(min_length=2, max_length=60, examples=["GB"]), LINE]
    """Country, as a name or a code (ISO 3166)."""
    postal_code: Annotated[
        Storable, Field(min_length=1, max_length=20, examples=["SW1Y 4JH"]), LINE
    ]
    """Postal code."""


class UserBase(RequestModel):
    email: Email
    """E-mail address, unique without regard to case."""
    username: Username
    """Username for signing in: 3 to 50 letters, digits, dots, underscores and hyphens; unique
    without regard to case.
    """
    full_name: FullName | None = None
    """Name as others see it, or null."""


class UserRegister(UserBase):
    password: Password
    """Password, 12 to 128 characters; common passwords and your own names are rejected."""


class UserCreate(UserRegister):
    """The fields that administrators set when they create an account."""

    email: Annotated[Email, Field(examples=["charles@example.com"])]
    username: Annotated[Username, Field(examples=["charles"])]
    role: AnyRole = Role.USER
    """Role, which decides the scopes of the account."""


class PasswordChange(RequestModel):
    current_password: CurrentPassword
    """The password that you sign in with now."""
    new_password: Password
    """The new password, 12 to 128 characters; common passwords and your own names are rejected."""
    revoke_api_keys: Annotated[
        bool, Field(description="Also revokes all API keys and disables all webhooks.")
    ] = True


class EmailUpdate(RequestModel):
    email: Annotated[Email, Field(examples=["ada.lovelace@example.com"])]
    """The new e-mail address."""
    current_password: CurrentPassword
    """The password that you sign in with now."""


class AccountDeletion(RequestModel):
    current_password: CurrentPassword
    """The password that you sign in with now."""


class ProfileUpdate(RequestModel):
    """Changes that users make to their own account; an omitted field stays as it is."""

    username: Annotated[Username, Field(examples=["ada.lovelace"])] | MISSING = MISSING
    """Username for signing in: 3 to 50 letters, digits, dots, underscores and hyphens; unique
    without regard to case.
    """
    full_name: FullName | MISSING | None = MISSING
    """Name as others see it, or null."""
    age: Age | MISSING | None = MISSING
    """Age in years, or null."""
    address: Address | MISSING | None = MISSING
    """Postal address, or null."""


class UserUpdate(RequestModel):
    """The fields of other accounts that administrators can change."""

    role: Annotated[AnyRole, Field(examples=["guest"])] | MISSING = MISSING
    """Role, which decides the scopes of the account."""
    is_active: bool | MISSING = MISSING
    """Whether the account can be used."""


class UserRead(Stored):
    email: str = Field(max_length=320)
    """E-mail address."""
    username: str = Field(max_length=50)
    """Username."""
    full_name: str | None = Field(max_length=100)
    """Name as others see it, or null."""
    age: int | None = Field(ge=0, le=150)
    """Age in years, or null."""
    address: Address | None
    """Postal address, or null."""
    role: Role
    """Role, which decides the scopes of the account."""
    is_active: bool
    """Whether the account can be used."""
    email_verified: bool
    """Whether the e-mail address is confirmed."""


class UserAdminRead(UserRead):
    """An account with the fields for administrators."""

    has_unversioned_fields: ClassVar[bool] = True

    last_login_at: datetime | None
    """Time of the last sign-in, or null if there was none."""
    session_count: Annotated[int, Field(ge=0, le=2**31 - 1)]
    """Number of sessions that have not ended."""


class SessionRead(ResponseModel):
    id: uuid.UUID
    """Id of the session."""
    created_at: datetime
    """Time of the sign-in."""
    last_used_at: datetime
    """Time of the last refresh of the session."""
    user_agent: str | None = Field(max_length=255)
    """`User-Agent` of the sign-in, or null."""
    address: str | None = Field(max_length=45)
    """IP address of the sign-in, or null."""
