"""The list of posts is a hot operation."""

from app.config.settings import Settings
from app.main import create_app
from tests.features.fast_path.test_routing import shortcut_of


def test_list_of_posts_has_a_shortcut(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"fast_path_enabled": True}))

    assert shortcut_of(app, "list_posts")
