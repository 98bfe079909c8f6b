"""Sections of the data page."""
