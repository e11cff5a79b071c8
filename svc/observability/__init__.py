"""What operators see of a running instance: the log, its events, the metrics. And errors as one line of text."""
