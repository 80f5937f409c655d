"""Reads from a streaming replica."""

from app.feature import Feature

feature = Feature(
    name="replica",
)
