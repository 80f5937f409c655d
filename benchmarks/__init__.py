"""Measurements; none of them is a test, and each stops by itself."""
