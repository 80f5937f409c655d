"""Schemas of users and sessions."""

import uuid
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import MISSING, BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from app.features.users.passwords import MAX_LENGTH, MAX_TYPED_LENGTH, MIN_LENGTH
from app.features.users.texts import EMAIL, PASSWORD, STORABLE_SECRET
from app.http.schemas import LINE, In, Out, Storable, Stored
from app.security.principals import Role

# Accounts created before this rule keep their names and can sign in with them. ADR 0028.
USERNAME = "^[._-]*[A-Za-z0-9][A-Za-z0-9._-]*$"

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


CurrentPassword = Annotated[
    SecretStr,
    Field(
        min_length=1,
        max_length=MAX_TYPED_LENGTH,
        strict=False,
        examples=["correct horse battery staple"],
    ),
    STORABLE_SECRET,
]
AnyRole = Annotated[Role, Field(strict=False)]


class Address(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", from_attributes=True)

    street: Annotated[
        Storable, Field(min_length=1, max_length=200, examples=["12 St James's Square"]), LINE
    ]
    city: Annotated[Storable, Field(min_length=1, max_length=100, examples=["London"]), LINE]
    country: Annotated[Storable, Field(min_length=2, max_length=60, examples=["GB"]), LINE]
    postal_code: Annotated[
        Storable, Field(min_length=1, max_length=20, examples=["SW1Y 4JH"]), LINE
    ]


class UserBase(In):
    email: Email
    username: Username
    full_name: FullName | None = None


class UserRegister(UserBase):
    password: Password


class UserCreate(UserRegister):
    """The fields that administrators set when they create an account."""

    role: AnyRole = Role.USER


class PasswordChange(In):
    current_password: CurrentPassword
    new_password: Password
    revoke_api_keys: Annotated[
        bool, Field(description="Also revokes all API keys and disables all webhooks.")
    ] = True


class EmailUpdate(In):
    email: Email
    current_password: CurrentPassword


class AccountDeletion(In):
    current_password: CurrentPassword


class ProfileUpdate(In):
    """Changes that users make to their own account; an omitted field stays as it is."""

    username: Username | MISSING = MISSING
    full_name: FullName | MISSING | None = MISSING
    age: Age | MISSING | None = MISSING
    address: Address | MISSING | None = MISSING


class UserUpdate(In):
    """The fields of other accounts that administrators can change."""

    role: AnyRole | MISSING = MISSING
    is_active: bool | MISSING = MISSING


class UserRead(Stored):
    email: str = Field(max_length=320)
    username: str = Field(max_length=50)
    full_name: str | None = Field(max_length=100)
    age: int | None = Field(ge=0, le=150)
    address: Address | None
    role: Role
    is_active: bool
    email_verified: bool


class UserAdminRead(UserRead):
    """An account with the fields for administrators."""

    has_unversioned_fields: ClassVar[bool] = True

    last_login_at: datetime | None
    session_count: Annotated[int, Field(ge=0, le=2**31 - 1)]


class SessionRead(Out):
    id: uuid.UUID
    created_at: datetime
    last_used_at: datetime
    user_agent: str | None = Field(max_length=255)
    address: str | None = Field(max_length=45)
