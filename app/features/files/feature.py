"""Files: uploads, downloads and their storage."""

from app.feature import Feature
from app.features.files.lifespan import lifespan
from app.features.files.router import router
from app.features.files.scopes import FILES_READ, FILES_WRITE

feature = Feature(
    name="files",
    requires=("users", "idempotency"),
    routers=(router,),
    tags={
        "files": "Uploads and downloads.",
    },
    scopes=(FILES_READ, FILES_WRITE),
    lifespan=lifespan,
)
