"""The views: one file each, with the functions that routes.py registers."""
