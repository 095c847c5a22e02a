"""Inference with a trained engine, for all estimators."""
