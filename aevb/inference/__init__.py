"""What is asked of a trained engine about rows, whatever estimator it belongs to."""
