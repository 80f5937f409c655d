"""Schedule of the dashboard."""

from app.features.background_jobs.declarations import BackgroundJobs
from app.features.background_jobs.schedules import Schedule
from app.features.dashboard.jobs import refresh_dashboard

extension = BackgroundJobs(
    schedules=(Schedule("refresh_dashboard", "* * * * * */10", refresh_dashboard),)
)
