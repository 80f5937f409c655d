"""`app jobs`: a group of commands, whose implementation is imported when one is run."""

import enum
import uuid
from typing import Annotated

import typer

from app.config.settings import load_settings

jobs = typer.Typer(no_args_is_help=True, help="List, retry and delete background tasks.")


def register(cli: typer.Typer, _: typer.Typer) -> None:
    cli.add_typer(jobs, name="jobs")


class TaskStatus(enum.StrEnum):
    """As in app/features/background_jobs/models.py, which is slow to import."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Ended(enum.StrEnum):
    """Final statuses. Other tasks are cancelled, not purged: the owner must see their status."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@jobs.command("list")
def list_jobs(
    status: Annotated[TaskStatus | None, typer.Option(help="Only tasks with this status.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """List tasks, the newest first."""
    from app.features.tasks import commands

    commands.show(load_settings(), status, limit, as_json=as_json)


@jobs.command("retry")
def retry_jobs(
    task_ids: Annotated[
        list[uuid.UUID] | None, typer.Argument(help="All failed tasks, if omitted.")
    ] = None,
) -> None:
    """Enqueue failed tasks again."""
    from app.features.tasks import commands

    commands.retry(load_settings(), task_ids or [])


@jobs.command("purge")
def purge_jobs(status: Ended) -> None:
    """Delete the tasks with this status."""
    from app.features.tasks import commands

    commands.purge(load_settings(), status)
