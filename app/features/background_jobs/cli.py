"""Command `worker`."""

import typer

from app.config.settings import load_settings


def register(cli: typer.Typer, _: typer.Typer) -> None:
    cli.command()(worker)


def worker() -> None:
    """Run the jobs that the web processes have enqueued, until SIGTERM."""
    settings = load_settings(run_worker=True)
    from app.features.background_jobs.worker_command import work  # After the settings are valid.

    work(settings)
