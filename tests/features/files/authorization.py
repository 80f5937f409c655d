"""Authorization table of files, and a valid request of each operation."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

from app.features.files.lifespan import FileResources
from app.features.files.storage import Download
from tests.features.files.factories import make_file
from tests.scenes import Authorization, Scene
from tests.state import resources_of

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100

TABLE = """
list_files                401        200 -     200 -     200 -
create_file               401        403 -     201 -     201 -
create_files              401        403 -     201 -     201 -
read_file                 401        200 200   200 200   200 200
read_file_content         401        200 200   200 200   200 200
read_file_by_path         401        200 404   200 404   200 404
delete_file               401        403 403   204 403   204 204
"""


async def a_file(scene: Scene, **fields: Any) -> uuid.UUID:
    async def chunks() -> AsyncIterator[bytes]:
        yield PNG

    file = await scene.save(make_file(scene.owner, size=len(PNG), **fields))
    await resources_of(scene.app)[FileResources].storage.write(
        str(file.id), chunks(), Download("image/png", "inline")
    )
    return file.id


async def a_file_path(scene: Scene) -> str:
    await scene.save(make_file(scene.owner, path="docs/report.pdf"))
    return "docs/report.pdf"


async def upload(scene: Scene) -> dict[str, Any]:
    return {"files": {"file": ("dot.png", PNG, "image/png")}}


async def uploads(scene: Scene) -> dict[str, Any]:
    return {"files": [("files", ("dot.png", PNG, "image/png"))]}


authorization = Authorization(
    table=TABLE,
    things={"file_id": a_file, "file_path:path": a_file_path},
    bodies={"create_file": upload, "create_files": uploads},
    representatives=("create_file",),
)
