"""Sign-in: tokens, passwords, mailed links and brute-force protection."""

from app.feature import Feature
from app.features.auth import pages, well_known
from app.features.auth.account_router import router as account_router
from app.features.auth.authenticator import verify_access_token
from app.features.auth.crud import email_changes, mailed_tokens, throttles
from app.features.auth.lifespan import lifespan
from app.features.auth.oauth_problems import OAUTH_PROBLEMS
from app.features.auth.receivers import cancel_email_changes, revoke_links
from app.features.auth.router import router, tokens_router, with_password
from app.features.users.crud import sessions
from app.features.users.signals import LinksRevoked, SessionsEnded
from app.security.authenticators import Authenticator
from app.security.principals import CredentialKind

feature = Feature(
    name="auth",
    requires=("users", "mail", "html_pages", "background_jobs"),
    routers=(tokens_router, with_password, router, account_router),
    root_routers=(well_known.router, pages.router),
    tags={
        "auth": "Sign up, sign in and stay signed in.",
    },
    cleanup=(mailed_tokens.delete_expired, email_changes.delete_expired, throttles.delete_expired),
    authenticators={
        CredentialKind.ACCESS_TOKEN: Authenticator(verify_access_token, sessions.find_live)
    },
    problem_extensions=(OAUTH_PROBLEMS,),
    lifespan=lifespan,
    receivers={LinksRevoked: revoke_links, SessionsEnded: cancel_email_changes},
)
