"""Permissions: the scopes of each role, composed of what features declare."""

import uuid

from app.security.permissions import EVERY_ROLE, USERS, Permissions, Scope
from app.security.principals import Principal, Role

PROFILE = Scope("profile:read", "Read your profile.", EVERY_ROLE, before_verification=True)
READ = Scope("parcels:read", "Read parcels.", EVERY_ROLE)
WRITE = Scope("parcels:write", "Write parcels.", USERS)
PERMISSIONS = Permissions([READ, PROFILE, WRITE])
ALL = frozenset({"profile:read", "parcels:read", "parcels:write", "admin"})


def principal(role: Role, *, email_verified: bool) -> Principal:
    return PERMISSIONS.principal(uuid.uuid4(), role, ALL, email_verified=email_verified)


def test_each_role_has_the_scopes_that_name_it() -> None:
    assert PERMISSIONS.of(Role.ADMIN) == ALL
    assert PERMISSIONS.of(Role.USER) == ALL - {"admin"}
    assert PERMISSIONS.of(Role.GUEST) == {"profile:read", "parcels:read"}


def test_scopes_are_grouped_by_resource_and_administration_is_last() -> None:
    assert list(PERMISSIONS.descriptions) == [
        "parcels:read",
        "parcels:write",
        "profile:read",
        "admin",
    ]


def test_credential_never_has_a_scope_beyond_the_role() -> None:
    assert PERMISSIONS.granted(Role.GUEST, ALL) == {"profile:read", "parcels:read"}
    assert PERMISSIONS.granted(Role.ADMIN, frozenset({"parcels:read", "unknown"})) == {
        "parcels:read"
    }


def test_scopes_of_an_unverified_account_are_withheld() -> None:
    early = principal(Role.USER, email_verified=False)

    assert early.scopes == {"profile:read"}
    assert early.withheld == {"parcels:read", "parcels:write"}
    assert early.once_verified().scopes == principal(Role.USER, email_verified=True).scopes
