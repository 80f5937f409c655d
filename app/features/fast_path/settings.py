"""Settings of the fast path."""

from app.config.settings_group import SettingsGroup


class FastPathSettings(SettingsGroup):
    # docs/adr/0020: plain FastAPI responds the same.
    fast_path_enabled: bool = True


group = FastPathSettings
