"""Authorization table of sign-in and accounts, and a valid request of each operation."""

import uuid
from typing import Any

from app.features.auth.crud import mailed_tokens
from app.features.auth.models.mailed_token import Purpose
from app.features.auth.resources import AuthResources
from app.features.users.crud import sessions
from tests.factories import PASSWORD, make_user
from tests.scenes import Authorization, Scene
from tests.state import resources_of, units_of_work

TABLE = """
create_token              anonymous  200
refresh_token             anonymous  200
revoke_token              anonymous  200
register_user             anonymous  201
verify_email              anonymous  204
forget_password           anonymous  202
reset_password            anonymous  204
request_verification      401        202 -     202 -     202 -
logout                    401        204 -     204 -     204 -
logout_everywhere         401        204 -     204 -     204 -
list_sessions             401        200 -     200 -     200 -
end_session               401        204 404   204 404   204 404
change_password           401        403 -     204 -     204 -
change_email              401        403 -     202 -     202 -
read_jwks                 anonymous  200
read_oauth_metadata       anonymous  200
show_verification         anonymous  200
confirm_verification      anonymous  200
resend_verification       anonymous  202
show_reset                anonymous  200
confirm_reset             anonymous  200
resend_reset              anonymous  202
"""


async def a_session(scene: Scene) -> uuid.UUID:
    async with units_of_work(scene.app).begin() as uow:
        row = await sessions.create(
            uow, scene.owner.id, scopes=["users:read"], user_agent="", address="127.0.0.1"
        )
    return row.id


async def credentials(scene: Scene) -> dict[str, Any]:
    return {"data": {"username": scene.owner.email, "password": PASSWORD}}


async def refresh_token(scene: Scene) -> str:
    issuer = resources_of(scene.app)[AuthResources].token_issuer
    return issuer.refresh.issue(await a_session(scene), 0)


async def a_revocation(scene: Scene) -> dict[str, Any]:
    return {"data": {"token": await refresh_token(scene)}}


async def a_refresh_token(scene: Scene) -> dict[str, Any]:
    return {"json": {"refresh_token": await refresh_token(scene)}}


async def link(scene: Scene, purpose: Purpose) -> str:
    async with units_of_work(scene.app).begin() as uow:
        return await mailed_tokens.create(uow, scene.owner, purpose)


async def verification(scene: Scene) -> dict[str, Any]:
    unconfirmed = Scene(scene.app, await scene.save(make_user(email_verified=False)))
    return {"json": {"token": await link(unconfirmed, Purpose.VERIFY_EMAIL)}}


async def verification_form(scene: Scene) -> dict[str, Any]:
    return {"data": (await verification(scene))["json"]}


async def reset(scene: Scene) -> dict[str, Any]:
    token = await link(scene, Purpose.RESET_PASSWORD)
    return {"json": {"token": token, "new_password": "a quite different passphrase"}}


async def reset_form(scene: Scene) -> dict[str, Any]:
    return {"data": (await reset(scene))["json"]}


async def address_form(scene: Scene) -> dict[str, Any]:
    return {"data": {"email": scene.owner.email}}


async def password_change(scene: Scene) -> dict[str, Any]:
    passwords = {"current_password": PASSWORD, "new_password": "a quite different passphrase"}
    return {"json": passwords}


async def email_update(scene: Scene) -> dict[str, Any]:
    return {"json": {"email": "moved@example.com", "current_password": PASSWORD}}


authorization = Authorization(
    table=TABLE,
    things={"session_id": a_session},
    bodies={
        "create_token": credentials,
        "refresh_token": a_refresh_token,
        "revoke_token": a_revocation,
        "verify_email": verification,
        "confirm_verification": verification_form,
        "reset_password": reset,
        "confirm_reset": reset_form,
        "resend_verification": address_form,
        "resend_reset": address_form,
        "change_password": password_change,
        "change_email": email_update,
    },
    before_confirmation=(
        "change_email",
        "change_password",
        "logout",
        "logout_everywhere",
        "request_verification",
    ),
    session_only=(
        "change_email",
        "change_password",
        "end_session",
        "list_sessions",
        "logout",
        "logout_everywhere",
        "request_verification",
    ),
    representatives=("end_session", "logout"),
)
