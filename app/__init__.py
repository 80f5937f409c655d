"""A production REST API service."""
