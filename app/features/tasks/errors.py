"""Errors of tasks."""

from app.errors import Conflict, TooManyRequests


class AlreadyFinished(Conflict):
    code = "already_finished"
    title = "Already finished"
    remedy = "Only a queued or running task can be cancelled."


class NotFailed(Conflict):
    code = "not_failed"
    title = "Not failed"
    remedy = "Only a failed task can be retried."


class TooManyTasks(TooManyRequests):
    code = "too_many_tasks"
    title = "Too many tasks"
    remedy = "Wait until some of your tasks have ended, or cancel them."
