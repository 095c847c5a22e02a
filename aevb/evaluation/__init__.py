"""Judging a fitted model."""
