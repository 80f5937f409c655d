"""Dump and restore of the database."""

from app.feature import Feature

feature = Feature(
    name="backup",
)
