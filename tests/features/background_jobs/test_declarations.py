"""Declarations of jobs and schedules."""

import pytest

from app.feature import FeatureError
from app.features.background_jobs.declarations import BackgroundJobs, joined
from app.features.background_jobs.schedules import Schedule


async def do_nothing(_: object) -> None:
    pass


def test_schedule_of_two_features_is_rejected() -> None:
    declared = BackgroundJobs(schedules=(Schedule("sweep", "* * * * *", do_nothing),))

    with pytest.raises(FeatureError, match="same schedule: sweep"):
        joined([declared, declared])
