"""A transform as a record, and applying it."""
