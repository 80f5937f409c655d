"""Schemas of the dashboard: its own fields, and those of the enabled features."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field, create_model

from app.features.background_jobs.models import TaskStatus
from app.features.dashboard.figures import DashboardFigures
from app.http.schemas import ResponseModel

Count = Annotated[int, Field(ge=0, le=2**63 - 1)]


class StateCount(ResponseModel):
    status: TaskStatus
    """Status of the tasks."""
    count: Count
    """Number of tasks with this status."""


class StatusCount(ResponseModel):
    """Responses of one status, since the start of the current workers."""

    status: Annotated[int, Field(ge=100, le=599)]
    """HTTP status of the responses."""
    count: Count
    """Number of responses with this status."""


COUNTED_AT = Annotated[datetime, Field(description="Time at which the figures were counted.")]
TASKS = Annotated[list[StateCount], Field(max_length=5, description="Number of tasks by status.")]
REQUESTS = Annotated[
    list[StatusCount] | None,
    Field(max_length=100, description="Number of responses by status; for administrators alone."),
]


class Figures(ResponseModel):
    """Figures, of which those for administrators are omitted in other responses."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)


def dashboard_schema(figures: Iterable[DashboardFigures]) -> type[ResponseModel]:
    """Create the schema of the response from the figures, in their order."""
    figures = list(figures)
    charts: dict[str, Any] = {
        name: chart.schema for each in figures for name, chart in each.charts.items()
    }
    fields = {
        "counted_at": COUNTED_AT,
        "totals": Annotated[totals_schema(figures), Field(description="Numbers of resources.")],
        **charts,
        "tasks": TASKS,
        "requests": (REQUESTS, None),
    }
    doc = "Of the whole service for administrators, otherwise your own."
    return create_model("DashboardRead", __base__=Figures, __doc__=doc, **fields)


def totals_schema(figures: Iterable[DashboardFigures]) -> type[ResponseModel]:
    fields: dict[str, Any] = {}
    for each in figures:
        fields |= {name: total(name) for name in each.totals}
        for name in each.totals_for_administrators:
            fields[name] = (total(name, "; for administrators alone") | None, None)
    return create_model("Totals", __base__=Figures, **fields)


def total(name: str, note: str = "") -> Any:
    """Return the type of a total, which its name describes."""
    description = f"Number of {name.replace('_', ' ')}{note}."
    return Annotated[Count, Field(description=description)]
