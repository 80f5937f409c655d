"""Dashboard figures: statements and response fields that a feature adds to the dashboard.

A feature declares them in its extension module `dashboard` as `extension`.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, true

Owned = Callable[[Any], ColumnElement[bool]]
"""Creates the condition on the owner column: true if the whole service is counted."""
Counts = Select[*tuple[Any, ...]]
Statement = Callable[[Owned], Counts]


@dataclass(frozen=True)
class Chart:
    """One field of the response: its statement, and the schema of the rows."""

    rows: Statement
    schema: Any


@dataclass(frozen=True, kw_only=True)
class DashboardFigures:
    """Names of fields in the response, each with a statement."""

    totals: Mapping[str, Statement] = field(default_factory=dict)
    """Each statement selects one number."""
    totals_for_administrators: Mapping[str, Statement] = field(default_factory=dict)
    charts: Mapping[str, Chart] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        return frozenset({*self.totals, *self.totals_for_administrators, *self.charts})


def everything(_: Any) -> ColumnElement[bool]:
    return true()


def owned_by(owner_id: ColumnElement[uuid.UUID]) -> Owned:
    return lambda column: column == owner_id
