"""Evaluation of a fitted model."""
