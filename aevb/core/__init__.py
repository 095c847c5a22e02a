"""The compiled engine as Python sees it, and what needs nothing else."""
