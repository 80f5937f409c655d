"""The table of contents of the API; routes are tried in this order, so hot ones come first."""

from fastapi import APIRouter

from app.api.v1.endpoints import api_keys, auth, items, sessions, users

router = APIRouter()
router.include_router(items.router)
router.include_router(users.router)
router.include_router(auth.router)
router.include_router(sessions.router)
router.include_router(api_keys.router)
