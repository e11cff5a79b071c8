"""The commands of `svc`: what an operator runs. `cli` is the entry point."""
