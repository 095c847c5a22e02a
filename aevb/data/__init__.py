"""The data that a caller hands over: checked, and handed on to the core."""
