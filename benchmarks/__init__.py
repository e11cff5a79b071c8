"""The service against an aiogram bot of the same duties: `make bench`."""
