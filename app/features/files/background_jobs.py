"""Schedule of the storage."""

from app.features.background_jobs.declarations import BackgroundJobs
from app.features.background_jobs.schedules import Schedule
from app.features.files.jobs import sweep_orphans

extension = BackgroundJobs(schedules=(Schedule("sweep_orphans", "23 * * * *", sweep_orphans),))
