"""What watches a process as long as it lives: its log, its traces and its vital signs."""

from contextlib import AsyncExitStack

from fastapi import FastAPI

from app.config.settings import Settings
from app.db.pool_metrics import PoolLevels
from app.observability.runtime_metrics import Beat, VitalSigns
from app.runtime.watchdog import Watchdog


def open_log(app: FastAPI, stack: AsyncExitStack) -> None:
    app.state.log_writer.start()
    stack.callback(app.state.log_writer.close)


def open_tracing(app: FastAPI, stack: AsyncExitStack) -> None:
    if app.state.tracing:
        from app.observability.trace_export import close  # As in app/main.py.

        stack.callback(close, app.state.tracing)


def vital_signs(app: FastAPI, settings: Settings, stack: AsyncExitStack) -> VitalSigns:
    pools = [app.state.reads, app.state.reads.cursors, app.state.direct_pool]
    levels, load = PoolLevels(pools, app.state.engine), app.state.load
    return VitalSigns(
        beats=[
            lambda lag_seconds: load.beat(max(lag_seconds, levels.longest_wait())),
            *watch(app, settings, stack),
        ],
        looks=[load.look, levels.look, app.state.principals.look],
    )


def watch(app: FastAPI, settings: Settings, stack: AsyncExitStack) -> list[Beat]:
    if not settings.loop_watchdog_seconds:
        return []
    watchdog = Watchdog(settings.loop_watchdog_seconds, app.state.log_writer)
    watchdog.start()
    stack.callback(watchdog.close)
    return [watchdog.beat]
