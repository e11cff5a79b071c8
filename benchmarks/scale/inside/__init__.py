"""What runs in the process of a measured instance. Nothing here imports from the rest of the benchmarks."""
