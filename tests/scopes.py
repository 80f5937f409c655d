"""The scopes that the enabled features declare, and those of each role."""

from app.feature import load_features

PERMISSIONS = load_features().permissions
SCOPES = tuple(PERMISSIONS.descriptions)
