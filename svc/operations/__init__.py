"""The commands of `svc`: what an operator runs."""
