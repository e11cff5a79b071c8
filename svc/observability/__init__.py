"""What operators see of a running instance: the log, its events, the metrics."""
