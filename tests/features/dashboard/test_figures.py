"""Figures that other features add, found by the name of their module."""

import pytest

from app.feature import FeatureError, Features, load_features
from app.features.background_jobs.schedules import Schedule
from app.features.dashboard.figures import DashboardFigures
from app.features.users import dashboard as users

FEATURES = load_features()


class TestExtensions:
    def test_extension_of_another_type_is_rejected(self) -> None:
        features = Features([FEATURES.by_name["users"]])

        with pytest.raises(FeatureError, match=r"app\.features\.users\.dashboard must be of type"):
            features.extensions("dashboard", Schedule)

    def test_extensions_belong_to_enabled_features(self) -> None:
        features = Features(
            [FEATURES.by_name[name] for name in ("users", "mail", "background_jobs")]
        )

        assert features.extensions("dashboard", DashboardFigures) == [users.extension]
