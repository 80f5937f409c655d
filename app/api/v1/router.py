"""The table of contents of the API; routes are tried in this order, so hot ones come first."""

from fastapi import APIRouter

from app.api.v1.endpoints import (
    api_keys,
    audit_entries,
    auth,
    categories,
    dashboards,
    events,
    external,
    files,
    items,
    notifications,
    posts,
    rooms,
    sessions,
    tasks,
    users,
    webhook_deliveries,
    webhooks,
)

router = APIRouter()
router.include_router(items.router)
router.include_router(auth.tokens_router)
router.include_router(auth.with_password)
router.include_router(auth.router)
router.include_router(posts.router)
router.include_router(categories.router)
router.include_router(files.router)
router.include_router(users.router)
router.include_router(dashboards.router)
router.include_router(tasks.router)
router.include_router(notifications.router)
router.include_router(sessions.router)
router.include_router(api_keys.router)
router.include_router(audit_entries.router)
router.include_router(events.router)
router.include_router(rooms.router)
router.include_router(external.router)
router.include_router(webhooks.router)
router.include_router(webhook_deliveries.router)
