"""Interactive shell: Python with `await`, on the resources of the service.

It starts no worker. Nothing is written before a unit of work ends:

    async with begin() as uow:
        await categories.create(uow, CategoryCreate(name="Lamps"))
"""

import ast
import asyncio
import code
import inspect
from collections.abc import Coroutine, Iterator
from importlib import import_module
from traceback import format_exception
from types import CodeType, FunctionType, TracebackType
from typing import Any

from app.commands.database import database
from app.config.settings import Settings
from app.db.base import Base
from app.db.resources import DatabaseResources
from app.feature import load_models
from app.features import FEATURES
from app.main import create_app
from app.resources import Resources

TYPED = "<console>"  # As the console of the standard library calls what it reads.
BANNER = """\
Python with `await`; in reach are app, settings, resources, reads (statements outside of a
transaction), begin (`async with begin() as uow: ...` commits at its end), the crud modules and the
models: {models}.
"""


def run(settings: Settings) -> None:
    """Read and evaluate Python from standard input until its end.

    Raises:
        ConfigError: the embedded PostgreSQL cannot be started.
    """
    with database(settings) as url:
        given = settings.model_copy(update={"database_url": url, "run_worker": False})
        asyncio.run(interact(given))


async def interact(settings: Settings) -> None:
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        resources: Resources = app.state.resources
        opened = resources[DatabaseResources]
        names = dict(models()) | dict(crud_modules())
        names |= {"app": app, "settings": settings, "resources": resources}
        names |= {"reads": opened.reads, "begin": opened.units_of_work.begin}
        console = Console(names, asyncio.get_running_loop())
        banner = BANNER.format(models=", ".join(sorted(dict(models()))))
        await asyncio.to_thread(console.interact, banner, exitmsg="")


def models() -> Iterator[tuple[str, Any]]:
    load_models()
    for mapper in Base.registry.mappers:
        yield mapper.class_.__name__, mapper.class_


def crud_modules() -> Iterator[tuple[str, Any]]:
    """Yield the crud module of each feature by the name of the feature."""
    for name in FEATURES:
        for module in (f"app.features.{name}.crud.{name}", f"app.features.{name}.crud"):
            try:
                yield name, import_module(module)
            except ModuleNotFoundError:
                continue
            break


def frames_of_user(frames: TracebackType | None) -> TracebackType | None:
    """Return the frames from the first that was typed, without those of the console."""
    while frames and frames.tb_frame.f_code.co_filename != TYPED:
        frames = frames.tb_next
    return frames


class Console(code.InteractiveConsole):
    """Evaluates statements in a thread; those with `await` run in the event loop."""

    def __init__(self, names: dict[str, Any], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(names, TYPED)
        self._loop = loop
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

    def runcode(self, code: CodeType) -> None:
        try:
            asyncio.run_coroutine_threadsafe(self._evaluate(code), self._loop).result()
        except SystemExit:
            raise
        except BaseException as error:  # noqa: BLE001  (a console shows every error of its user)
            typed = frames_of_user(error.__traceback__)
            self.write("".join(format_exception(error.with_traceback(typed))))

    async def _evaluate(self, code: CodeType) -> None:
        result: Coroutine[Any, Any, object] | None = FunctionType(code, self.locals)()
        if inspect.iscoroutine(result):
            await result
