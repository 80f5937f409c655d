"""The table of contents of the API; routes are tried in this order, so hot ones come first."""

from fastapi import APIRouter

from app.features.api_keys import router as api_keys
from app.features.audit import router as audit_entries
from app.features.auth import router as auth
from app.features.categories import router as categories
from app.features.dashboard import router as dashboards
from app.features.events import router as events
from app.features.external import router as external
from app.features.files import router as files
from app.features.items import router as items
from app.features.notifications import router as notifications
from app.features.posts import router as posts
from app.features.rooms import router as rooms
from app.features.tasks import router as tasks
from app.features.users import router as users
from app.features.users import sessions_router as sessions
from app.features.webhooks import deliveries_router as webhook_deliveries
from app.features.webhooks import router as webhooks

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
