"""The paper's experiments. Each is a set of runs that you may stop and continue later."""
