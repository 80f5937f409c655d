"""Servers and clients that drills and tests share."""
