"""Users on the wire."""

from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import (
    MISSING,
    AfterValidator,
    BaseModel,
    ConfigDict,
    EmailStr,
    Field,
    SecretStr,
    StringConstraints,
)
from pydantic_core import PydanticCustomError

from app.core.identity import Role
from app.core.passwords import MAX_LENGTH, MIN_LENGTH
from app.schemas.base import In, Line, Stored


def deliverable(email: str) -> str:
    """Refuse what needs SMTPUTF8 (RFC 6531): full-width and look-alike letters among it."""
    if not email.isascii():
        raise PydanticCustomError("email_not_ascii", "The e-mail address must be ASCII")
    return email


def without_surrogates(password: SecretStr) -> SecretStr:
    try:
        password.get_secret_value().encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("text_unstorable", "Text may not contain surrogates") from None
    return password


Email = Annotated[
    EmailStr,
    Field(max_length=254, examples=["ada@example.com"]),
    AfterValidator(deliverable),
]
Username = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=r"^[\w.-]+$", min_length=3, max_length=50),
    Field(examples=["ada"]),
]
FullName = Annotated[Line, Field(min_length=1, max_length=100, examples=["Ada Lovelace"])]
Age = Annotated[int, Field(ge=0, le=150, examples=[36])]
Password = Annotated[
    SecretStr,
    Field(
        min_length=MIN_LENGTH,
        max_length=MAX_LENGTH,
        strict=False,
        examples=["correct horse battery staple"],
    ),
    AfterValidator(without_surrogates),
]


CurrentPassword = Annotated[
    SecretStr,
    Field(min_length=1, max_length=MAX_LENGTH, strict=False),
    AfterValidator(without_surrogates),
]
AnyRole = Annotated[Role, Field(strict=False)]


class Address(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", from_attributes=True)

    street: Annotated[Line, Field(min_length=1, max_length=200, examples=["12 St James's Square"])]
    city: Annotated[Line, Field(min_length=1, max_length=100, examples=["London"])]
    country: Annotated[Line, Field(min_length=2, max_length=60, examples=["GB"])]
    postal_code: Annotated[Line, Field(min_length=1, max_length=20, examples=["SW1Y 4JH"])]


class UserBase(In):
    email: Email
    username: Username
    full_name: FullName | None = None


class UserRegister(UserBase):
    password: Password


class UserCreate(UserRegister):
    """What administrators set when they open an account for somebody."""

    role: AnyRole = Role.USER


class PasswordChange(In):
    current_password: CurrentPassword
    new_password: Password


class ProfileUpdate(In):
    """What people change about themselves; a field left out is left alone."""

    email: Email | MISSING = MISSING
    username: Username | MISSING = MISSING
    full_name: FullName | MISSING | None = MISSING
    age: Age | MISSING | None = MISSING
    address: Address | MISSING | None = MISSING


class UserUpdate(In):
    """What administrators change about others."""

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
    """What administrators see besides."""

    has_unversioned_fields: ClassVar[bool] = True

    last_login_at: datetime | None
    session_count: Annotated[int, Field(ge=0, le=2**31 - 1)]
