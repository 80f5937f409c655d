"""Dashboard figures: what each feature adds to the counting statement and to the response.

A feature declares them in its extension module `dashboard` as `extension`.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, true

Owned = Callable[[Any], ColumnElement[bool]]
"""Makes the condition on the column of the owner: true where the whole service is counted."""
Counts = Select[*tuple[Any, ...]]
Statement = Callable[[Owned], Counts]


@dataclass(frozen=True)
class Chart:
    """Rows of one field of the response, as they come from the statement."""

    rows: Statement
    schema: Any


@dataclass(frozen=True, kw_only=True)
class DashboardFigures:
    """Names of fields in the response, each with a statement."""

    totals: Mapping[str, Statement] = field(default_factory=dict)
    """Each selects one number."""
    totals_for_administrators: Mapping[str, Statement] = field(default_factory=dict)
    charts: Mapping[str, Chart] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        return frozenset({*self.totals, *self.totals_for_administrators, *self.charts})


def everything(_: Any) -> ColumnElement[bool]:
    return true()


def owned_by(owner_id: ColumnElement[uuid.UUID]) -> Owned:
    return lambda column: column == owner_id
