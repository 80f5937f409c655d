"""API keys: credentials for programs."""

from app.feature import Feature
from app.features.api_keys import crud
from app.features.api_keys.authenticator import verify_api_key
from app.features.api_keys.receivers import check_api_key, revoke_api_keys, revoke_beyond_role
from app.features.api_keys.router import router
from app.features.users.signals import CredentialChecked, MachineAccessRevoked, RoleChanged
from app.security.authenticators import Authenticator
from app.security.principals import CredentialKind

feature = Feature(
    name="api_keys",
    requires=("users",),
    routers=(router,),
    authenticators={CredentialKind.API_KEY: Authenticator(verify_api_key, crud.find_live)},
    cleanup=(crud.delete_old,),
    receivers={
        CredentialChecked: check_api_key,
        MachineAccessRevoked: revoke_api_keys,
        RoleChanged: revoke_beyond_role,
    },
)
