"""Input data: checks, and rows for the core."""
