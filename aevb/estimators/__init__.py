"""The estimators, and their parameters."""
