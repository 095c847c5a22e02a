"""The paper's experiments: each a set of runs that can be stopped and taken up again."""
