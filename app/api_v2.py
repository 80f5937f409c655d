"""What version 2 changes; everything else stays in version 1."""

from fastapi import APIRouter

from app.features.items import router_v2 as items

router = APIRouter(prefix="/api/v2")
router.include_router(items.router)
