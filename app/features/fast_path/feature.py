"""Fast path: finds routes and solves dependencies without FastAPI's work for each request."""

from app.feature import Feature
from app.features.fast_path.acceleration import accelerate

feature = Feature(
    name="fast_path",
    extend=accelerate,
)
