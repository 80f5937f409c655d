"""Declarations of jobs: what a feature adds in its extension module `background_jobs`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from app.config.settings import Settings
from app.feature import check_names
from app.features.background_jobs.job import Job
from app.features.background_jobs.schedules import Schedule


@dataclass(frozen=True, kw_only=True)
class BackgroundJobs:
    """The jobs and schedules of one feature; deletions of expired rows are `Feature.cleanup`."""

    jobs: tuple[type[Job], ...] = ()
    schedules: tuple[Schedule, ...] = ()
    on_worker_start: Callable[[Settings], None] | None = None
    """Called when `app worker` has started; it may raise ConfigError."""


def joined(declared: Iterable[BackgroundJobs]) -> BackgroundJobs:
    """Join the declarations of all features.

    Raises:
        FeatureError: two features declare the same name.
    """
    declared = list(declared)
    jobs = tuple(job for each in declared for job in each.jobs)
    schedules = tuple(schedule for each in declared for schedule in each.schedules)
    check_names("job", [job.kind for job in jobs])
    check_names("schedule", [schedule.name for schedule in schedules])
    return BackgroundJobs(jobs=jobs, schedules=schedules)
